"""Stories of `fleet mcp`: the backlog through the official Python SDK of the Model Context Protocol."""

import json
from pathlib import Path

from stories import FILES, put, story
from world import World, contains, equal, run_git

CLIENT = '''
import asyncio, json, sys
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

async def main():
    server = StdioServerParameters(command=sys.argv[1], args=["mcp"], cwd=sys.argv[2], env=json.loads(sys.argv[3]))
    told = []
    async with stdio_client(server) as (read, write):
        async with ClientSession(read, write) as session:
            hello = await session.initialize()
            told.append(["server", hello.server_info.name])
            tools = await session.list_tools()
            told.append(["tools", [tool.name for tool in tools.tools]])
            for name, arguments in json.loads(sys.argv[4]):
                answer = await session.call_tool(name, arguments)
                told.append([name, bool(answer.is_error), answer.content[0].text])
            several = json.loads(sys.argv[5])
            if several:
                both = await asyncio.gather(*(session.call_tool(name, arguments) for name, arguments in several))
                told.append(["at once", sum(not answer.is_error for answer in both)])
    print(json.dumps(told))

asyncio.run(main())
'''


@story("mcp-sdk", name="mcp_with_the_official_python_client")
def mcp_with_the_official_python_client(world: World, python: Path) -> None:
    clone = world.root / "project"
    put(clone, FILES)
    run_git(clone, "init", "-q", "-b", "main")
    run_git(clone, "add", "-A")
    run_git(clone, "commit", "-q", "-m", "A greeter")
    world.fleet(clone, "init")
    script = world.root / "client.py"
    script.write_text(CLIENT)
    env = world.env(GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL="/dev/null", GIT_AUTHOR_NAME="Ada")

    def talk(calls: list, several: list = ()) -> list:
        done = world.run([python / "python", script, world.fleet_program, clone, json.dumps(env),
                          json.dumps(calls), json.dumps(list(several))], world.root)
        return done.json()

    wish = {"title": "Greet in French", "labels": ["greeting"], "acceptance": ["says Bonjour"]}
    told = talk([["add", wish], ["ready", {}], ["show", {"id": "T-1"}]])
    equal("the server", told[0], ["server", "fleet"])
    tools = ["ready", "search", "show", "claim", "add", "update", "comment", "close"]
    equal("the tools", told[1], ["tools", tools])
    contains("add", told[2][2], "T-1 added: Greet in French", "fleet admit T-1")
    contains("ready", told[3][2], "nothing is ready")
    contains("a text that no human admitted", told[4][2], "withheld", "fleet admit T-1")
    equal("and what it says stays away", "Bonjour" in told[4][2], False)

    world.fleet(clone, "admit", "T-1")
    told = talk(
        [
            ["ready", {}],
            ["show", {"id": "T-1"}],
            ["show", {"id": "1"}],
            ["comment", {"id": "T-1", "text": "as in hello.sh"}],
            ["close", {"id": "T-1", "reason": "done"}],
        ],
        [["add", {"title": f"Task {n}"}] for n in range(5)],
    )
    contains("ready, once admitted", told[2][2], "T-1", "Greet in French")
    contains("show, once admitted", told[3][2], "says Bonjour")
    equal("a wrong id is refused", told[4][1], True)
    contains("a wrong id", told[4][2], "did you mean T-1?")
    equal("comment", told[5], ["comment", False, "T-1 commented\n"])
    equal("close", told[6], ["close", False, "T-1 closed (done)\n"])
    equal("calls at once", told[7], ["at once", 5])
    equal("open tasks", world.data(clone, "list")["total"], 5)
