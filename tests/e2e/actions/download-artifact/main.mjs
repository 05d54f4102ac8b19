import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { call } from "./artifacts.mjs";

const ids = (process.env["INPUT_ARTIFACT-IDS"] ?? "").split(",").filter(Boolean);
// As minimatch reads the workflow's one pattern: braces, and stars that hold for any name.
const escaped = (process.env.INPUT_PATTERN ?? "").replace(/[.+^$()|[\]\\]/g, "\\$&");
const braces = escaped.replace(/\{([^}]*)\}/g, (_, either) => `(?:${either.replaceAll(",", "|")})`);
const pattern = new RegExp(`^${braces.replaceAll("*", ".*")}$`);
const { artifacts = [] } = await call("ListArtifacts", {});
const wanted = artifacts.filter(({ databaseId, name }) =>
  ids.length ? ids.includes(String(databaseId)) : pattern.test(name),
);
if (wanted.length < ids.length) throw new Error(`not all of the artifacts ${ids} were found`);
for (const { name } of wanted) {
  const { signedUrl } = await call("GetSignedArtifactURL", { name });
  const answer = await fetch(signedUrl);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  const path = wanted.length === 1 ? process.env.INPUT_PATH : join(process.env.INPUT_PATH, name);
  mkdirSync(path, { recursive: true });
  execFileSync("tar", ["--extract", "-C", path], { input: Buffer.from(await answer.arrayBuffer()) });
  console.log(`${name} into ${path}`);
}
