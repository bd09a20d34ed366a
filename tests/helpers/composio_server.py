"""Composio's REST API on loopback, with the tools of Linear, Jira, Slack and Notion that plans go through."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.helpers.json_server import Answer, Fault, JsonServer, running

KEY = "ak_" + "Cd4" * 8
TEAM = "9d1c3f7e-2b48-4c6a-9f1e-5a7b8c9d0e1f"
PROJECT = "BOX"
CHANNEL = "#plans"
PARENT = "1f0e9d8c-7b6a-4958-8776-655443322110"
MOMENT = "1790000000.000100"

Tool = Callable[[dict[str, Any]], Any]


class Refused(Exception):
    """A service says no."""


def unsuccessful(status: int | None) -> Fault:
    """A tool whose service failed, as Composio tells of it."""
    data = {} if status is None else {"status_code": status}
    return lambda: (200, {"successful": False, "data": data, "error": "on purpose"}, {})


class ComposioServer(JsonServer):
    """What was made is kept per service, in order. `accounts` are (user, toolkit, status)."""

    def __init__(self) -> None:
        super().__init__()
        self.accounts: list[tuple[str, str, str]] = []
        self.linear: list[dict[str, Any]] = []
        self.jira: list[dict[str, Any]] = []
        self.slack: list[dict[str, Any]] = []
        self.notion: list[dict[str, Any]] = []
        self.versions: set[str] = set()
        self.tools: dict[str, Tool] = {
            "LINEAR_RUN_QUERY_OR_MUTATION": self._linear,
            "JIRA_CREATE_ISSUE": self._jira_create,
            "JIRA_SEARCH_ISSUES": self._jira_search,
            "SLACK_SEND_MESSAGE": self._slack_send,
            "SLACK_FETCH_CONVERSATION_HISTORY": self._slack_history,
            "NOTION_CREATE_NOTION_PAGE": self._notion_create,
            "NOTION_FETCH_BLOCK_CONTENTS": self._notion_list,
        }

    def connect(self, user_id: str, *toolkits: str, status: str = "ACTIVE") -> None:
        self.accounts += [(user_id, toolkit, status) for toolkit in toolkits]

    def fail_tool(self, tool: str, *faults: Fault) -> None:
        self.fail("POST", f"/execute/{tool}", *faults)

    def used(self, tool: str) -> int:
        return self.count("POST", f"/execute/{tool}")

    def work(self, method: str, target: str, headers: Mapping[str, str], body: Any) -> Answer:
        url = urlsplit(target)
        if headers["x-api-key"] != KEY:
            return 401, {"error": {"message": "Invalid API key"}}, {}
        if (method, url.path) == ("GET", "/api/v3/connected_accounts"):
            return 200, {"items": self._accounts(parse_qs(url.query))}, {}
        tool = url.path.removeprefix("/api/v3/tools/execute/")
        if method != "POST" or tool not in self.tools:
            return 404, {"error": {"message": "Not found"}}, {}
        return self._execute(tool, body)

    def _accounts(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        wanted = (*query["user_ids"], *query["toolkit_slugs"], *query["statuses"])
        return [
            {"id": f"ca_{place}", "user_id": user, "toolkit": {"slug": toolkit}, "status": status}
            for place, (user, toolkit, status) in enumerate(self.accounts)
            if (user, toolkit, status) == wanted
        ]

    def _execute(self, tool: str, body: dict[str, Any]) -> Answer:
        toolkit = tool.partition("_")[0].lower()
        if (body["user_id"], toolkit, "ACTIVE") not in self.accounts:
            return 400, {"error": {"message": "No connected account found"}}, {}
        self.versions.add(body["version"])
        before = self.made
        try:
            data = self.tools[tool](body["arguments"])
        except Refused as error:
            return 200, {"successful": False, "data": {}, "error": str(error)}, {}
        answer: Answer = (200, {"successful": True, "data": data, "error": None}, {})
        return self.done(answer) if self.made > before else answer

    @property
    def made(self) -> int:
        return sum(map(len, (self.linear, self.jira, self.slack, self.notion)))

    def _linear(self, arguments: dict[str, Any]) -> Any:
        variables = arguments["variables"]
        if "issueCreate" not in arguments["query_or_mutation"]:
            nodes = [issue for issue in self.linear if issue["id"] == variables["id"]]
            return {"data": {"issues": {"nodes": nodes}}}
        given = variables["input"]
        known = {issue["id"] for issue in self.linear}
        if given["teamId"] != TEAM or given["id"] in known or not {given.get("parentId")} <= {None, *known}:
            return {"data": None, "errors": [{"message": "Argument Validation Error"}]}
        name = f"BOX-{len(self.linear) + 1}"
        made = {**given, "identifier": name, "url": f"https://linear.example/issue/{name}"}
        self.linear.append(made)
        return {"data": {"issueCreate": {"success": True, "issue": made}}}

    def _jira_create(self, arguments: dict[str, Any]) -> Any:
        if arguments["project_key"] != PROJECT or len(arguments["description"]) > 32_767:
            raise Refused("project is required")
        made = {**arguments, "key": f"{PROJECT}-{len(self.jira) + 1}"}
        self.jira.append(made)
        return {"id": str(10_000 + len(self.jira)), "key": made["key"]}

    def _jira_search(self, arguments: dict[str, Any]) -> Any:
        found = re.fullmatch(r'project = "(\w+)" AND labels = "([\w-]+)"', arguments["jql"])
        assert found is not None
        issues = [{"key": each["key"]} for each in self.jira if found[2] in each["labels"]]
        return {"response_data": {"issues": issues}}

    def _slack_send(self, arguments: dict[str, Any]) -> Any:
        if arguments["channel"] != CHANNEL:
            raise Refused("channel_not_found")
        self.slack.append({**arguments, "text": arguments["markdown_text"], "ts": MOMENT})
        return {"ok": True, "channel": "C0123", "ts": MOMENT}

    def _slack_history(self, arguments: dict[str, Any]) -> Any:
        assert float(arguments["oldest"]) > 1_700_000_000
        return {"ok": True, "messages": [{"text": "hello", "ts": "1"}, *self.slack]}

    def _notion_create(self, arguments: dict[str, Any]) -> Any:
        if arguments["parent_id"] != PARENT:
            raise Refused("object_not_found")
        made = {**arguments, "id": f"page-{len(self.notion) + 1}", "url": "https://notion.example/page"}
        self.notion.append(made)
        return made

    def _notion_list(self, arguments: dict[str, Any]) -> Any:
        """Two blocks to a page, so that there is more than one."""
        blocks: list[dict[str, Any]] = [{"id": f"text-{n}", "type": "paragraph"} for n in range(3)]
        blocks += [{"id": each["id"], "child_page": {"title": each["title"]}} for each in self.notion]
        start = int(arguments.get("start_cursor", 0))
        following = str(start + 2) if start + 2 < len(blocks) else None
        return {"block_child_data": {"results": blocks[start : start + 2], "next_cursor": following}}


def composio_server() -> AbstractContextManager[ComposioServer]:
    return running(ComposioServer())
