// The artifact service as the actions for artifacts speak with it (version 4), as far as the stand-ins need it.
// An artifact is a tar archive here, where the real actions make a zip.

const { ACTIONS_RESULTS_URL: service, ACTIONS_RUNTIME_TOKEN: token } = process.env;
const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
const scope = claims.scp.split(" ").find((part) => part.startsWith("Actions.Results:"));
const [, workflowRunBackendId, workflowJobRunBackendId] = scope.split(":");

/** One call of the service. */
export async function call(method, body) {
  const url = new URL(`/twirp/github.actions.results.api.v1.ArtifactService/${method}`, service);
  const answer = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ workflowRunBackendId, workflowJobRunBackendId, ...body }),
  });
  if (!answer.ok) throw new Error(`${method}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Sends bytes to an address that the service gave. */
export async function send(address, bytes) {
  for (const [part, body] of [["block&blockid=MA==", bytes], ["blocklist", "<BlockList/>"]]) {
    const answer = await fetch(`${address}&comp=${part}`, { method: "PUT", body });
    if (!answer.ok) throw new Error(`upload: ${answer.status} ${await answer.text()}`);
  }
}
