import { rmSync } from "node:fs";

if (process.env.STATE_file) rmSync(process.env.STATE_file, { force: true });
