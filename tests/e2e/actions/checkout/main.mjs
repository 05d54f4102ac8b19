import { execFileSync } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const { GITHUB_WORKSPACE: top, GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name, RUNNER_TEMP: temp } = process.env;
const basic = Buffer.from(`x-access-token:${process.env.INPUT_TOKEN}`).toString("base64");
const header = `AUTHORIZATION: basic ${basic}`;
const git = (...args) => execFileSync("git", args, { cwd: top, stdio: ["ignore", "inherit", "inherit"] });

git("init", "--quiet", "--initial-branch", "main");
git("remote", "add", "origin", `${server}/${name}`);
const depth = process.env["INPUT_FETCH-DEPTH"];
const few = depth === "0" ? [] : ["--depth", depth];
git("-c", `http.${server}/.extraheader=${header}`, "fetch", "--quiet", ...few, "origin", "+refs/heads/*:refs/remotes/origin/*");
git("checkout", "--quiet", "--force", "-B", "main", "refs/remotes/origin/main");
if (process.env["INPUT_PERSIST-CREDENTIALS"] !== "false") {
  const file = join(temp, `git-credentials-${process.pid}.config`);
  writeFileSync(file, `[http "${server}/"]\n\textraheader = ${header}\n`, { mode: 0o600 });
  git("config", "--local", `includeIf.gitdir:${top}/.git.path`, file);
  appendFileSync(process.env.GITHUB_STATE, `file=${file}\n`);
}
