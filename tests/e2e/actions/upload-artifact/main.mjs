import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { call, send } from "./artifacts.mjs";

const { INPUT_NAME: name, INPUT_PATH: path } = process.env;
const folder = existsSync(path) && statSync(path).isDirectory();
const names = folder ? readdirSync(path) : existsSync(path) ? [basename(path)] : [];
if (names.length === 0) {
  console.log(`nothing at ${path}`);
  process.exit(process.env["INPUT_IF-NO-FILES-FOUND"] === "error" ? 1 : 0);
}
const root = folder ? path : dirname(path);
// As the real one, without the bits that make a file a program.
const bytes = execFileSync("tar", ["--create", "--mode=a=r,u+w,a+X", "-C", root, ...names], { maxBuffer: 2 ** 30 });
const digest = createHash("sha256").update(bytes).digest("hex");
const { signedUploadUrl } = await call("CreateArtifact", { name, version: 4 });
await send(signedUploadUrl, bytes);
const { artifactId } = await call("FinalizeArtifact", { name, size: String(bytes.length), hash: `sha256:${digest}` });
console.log(`${name}: number ${artifactId}, sha256 ${digest}`);
appendFileSync(process.env.GITHUB_OUTPUT, `artifact-id=${artifactId}\nartifact-digest=${digest}\n`);
