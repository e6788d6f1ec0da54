"""Spans to a real receiver and from a real SDK.

arize-phoenix is given what `smoltbot export --otlp` and the live exporter send, and asked by its REST interface what it has;
every field is compared with what the edge exports. The edge is given what OpenTelemetry's own SDK and exporter send.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

SMOLTBOT = os.environ["SMOLTBOT_BIN"]
PATIENCE = 180
"""Seconds: a receiver of this size takes a minute to start where others work, too."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def until(what, ask):
    """The first answer of `ask` that is not None."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            answer = ask()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            answer = None
        if answer is not None:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {PATIENCE} seconds")


class Process:
    """A program that is stopped with the test, and shows what it said if that went wrong."""

    def __init__(self, command, environment, log):
        self.log = open(log, "w+b")
        self.child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT
        )

    def said(self):
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()


class Phoenix(Process):
    def __init__(self, directory):
        self.url = f"http://127.0.0.1:{free_port()}"
        environment = os.environ | {
            "PHOENIX_WORKING_DIR": str(directory / "phoenix"),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": self.url.rsplit(":", 1)[1],
            "PHOENIX_GRPC_PORT": str(free_port()),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }
        os.makedirs(environment["PHOENIX_WORKING_DIR"])
        program = str(Path(sys.executable).with_name("phoenix"))
        super().__init__([program, "serve"], environment, directory / "phoenix.log")
        until("phoenix", lambda: get(f"{self.url}/healthz") or "ready")

    def spans(self):
        """All that it has, by span id."""
        found, cursor = {}, ""
        while cursor is not None:
            page = f"{self.url}/v1/projects/default/spans?limit=100{cursor and '&cursor=' + cursor}"
            try:
                page = json.loads(get(page))
            except urllib.error.HTTPError as error:
                # Before the first span there is no project.
                if error.code == 404:
                    return {}
                raise
            found |= {span["context"]["span_id"]: span for span in page["data"]}
            cursor = page["next_cursor"]
        return found


class Home:
    """An agent in a home of its own, with everything running."""

    def __init__(self, directory, **settings):
        self.edge = f"http://127.0.0.1:{free_port()}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "SMOLTBOT_HOME": str(directory / "state"),
            "SMOLTBOT_EDGE__LISTEN": self.edge.removeprefix("http://"),
            "SMOLTBOT_GATEWAY__LISTEN": "127.0.0.1:0",
        } | settings
        self.up = Process([SMOLTBOT, "up"], self.environment, directory / "up.log")
        until("the edge", lambda: get(f"{self.edge}/ready") or "ready")

    def run(self, *arguments, text=None, **settings):
        return subprocess.run(
            [SMOLTBOT, *arguments],
            env=self.environment | settings,
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def work(self, session):
        """An allowed, a refused, a failed and a child's call; one with a result that is cut."""
        trace = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "traceFlags": "01"}
        calls = [
            ("exec", {"command": "ls"}, {"content": [{"type": "text", "text": "a\n" * 4000}]}, None, None),
            ("exec", {"command": "rm -rf /"}, None, None, None),
            ("read", {"path": "nowhere"}, None, "ENOENT: no such file", None),
            ("web_fetch", {"url": "https://example.com/"}, {"content": []}, None, trace),
        ]
        lines = []
        for number, (tool, params, result, error, parent) in enumerate(calls):
            event = {"toolName": tool, "params": params, "runId": session, "toolCallId": f"{session}-{number}"}
            context = {"sessionId": session} | ({"trace": parent} if parent else {})
            lines.append({"hook": "before_tool_call", "event": event, "ctx": context})
            if "rm" in str(params):
                continue
            after = event | {"result": result, "durationMs": 12 + number} | ({"error": error} if error else {})
            lines.append({"hook": "after_tool_call", "event": after, "ctx": {"sessionId": session}})
        done = self.run("hook", "openclaw", text="".join(json.dumps(line) + "\n" for line in lines))
        assert done.returncode == 0, done.stderr
        return len(calls)

    def exported(self, expected):
        """What the edge exports as spans, by span id, once there are as many as expected."""

        def whole():
            document = json.loads(get(f"{self.edge}/v1/export?format=otlp"))
            spans = [
                span
                for resource in document["resourceSpans"]
                for scope in resource["scopeSpans"]
                for span in scope["spans"]
            ]
            return {span["spanId"]: span for span in spans} if len(spans) == expected else None

        return until("the traces at the edge", whole)


def plain(value):
    """OTLP's AnyValue as JSON has it."""
    (kind, content), = value.items()
    if kind == "arrayValue":
        return [plain(item) for item in content["values"]]
    return int(content) if kind == "intValue" else content


def nanoseconds(text):
    at = datetime.fromisoformat(text).astimezone(timezone.utc)
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000


class Telemetry(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="smoltbot-telemetry-")
        cls.addClassCleanup(cls.directory.cleanup)
        cls.phoenix = Phoenix(Path(cls.directory.name))
        cls.addClassCleanup(cls.phoenix.stop)

    def home(self, **settings):
        home = Home(Path(tempfile.mkdtemp(dir=self.directory.name)), **settings)
        self.addCleanup(home.up.stop)
        return home

    def arrived(self, exported):
        """The receiver's spans of these, once all are there."""

        def all_of_them():
            spans = self.phoenix.spans()
            return spans if exported.keys() <= spans.keys() else None

        return until("the spans at the receiver", all_of_them)

    def compare(self, exported):
        arrived = self.arrived(exported)
        for span_id, sent in exported.items():
            got = arrived[span_id]
            with self.subTest(sent["name"]):
                self.assertEqual(got["name"], sent["name"])
                self.assertEqual(got["context"], {"trace_id": sent["traceId"], "span_id": span_id})
                self.assertEqual(got["parent_id"], sent.get("parentSpanId"))
                self.assertEqual(got["span_kind"], "TOOL", "the receiver knows it for a tool's")
                self.assertEqual(nanoseconds(got["start_time"]), int(sent["startTimeUnixNano"]))
                self.assertEqual(nanoseconds(got["end_time"]), int(sent["endTimeUnixNano"]))
                status = sent.get("status", {})
                self.assertEqual(got["status_code"], "ERROR" if status else "UNSET")
                self.assertEqual(got["status_message"], status.get("message", ""))
                told = {pair["key"]: plain(pair["value"]) for pair in sent["attributes"]}
                # What the receiver derives from them stands beside them.
                kept = {key: got["attributes"].get(key) for key in told}
                self.assertEqual(kept, told)
        return arrived

    def test_an_export_arrives_whole_and_once(self):
        home = self.home()
        exported = home.exported(home.work("export"))
        done = home.run("export", "--otlp", self.phoenix.url)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"{len(exported)} spans sent to {self.phoenix.url}/v1/traces", done.stdout)
        arrived = self.compare(exported)
        again = home.run("export", "--otlp", self.phoenix.url, "--header", "x-unused=1")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(self.arrived(exported).keys(), arrived.keys())
        child = next(span for span in exported.values() if span["name"].endswith("web_fetch"))
        self.assertEqual(child["traceId"], "0af7651916cd43dd8448eb211c80319c")
        self.assertEqual(child["parentSpanId"], "b7ad6b7169203331")

    def test_what_happens_arrives_while_it_happens(self):
        home = self.home(SMOLTBOT_OTLP__ENDPOINT=self.phoenix.url, SMOLTBOT_OTLP__HEADERS="x-secret=hunter2")
        calls = home.work("live")
        exported = home.exported(calls)
        self.compare(exported)

        def settled():
            queue = json.loads(home.run("status", "--json").stdout)["otlp"]
            return queue if queue["waiting"] == 0 else None

        queue = until("the queue to be empty", settled)
        self.assertEqual((queue["sent"], queue["rejected"], queue["dropped"]), (calls, 0, 0))
        self.assertIsNone(queue["last_error"])
        for text in [home.up.said(), home.run("status").stdout, json.dumps(queue)]:
            self.assertNotIn("hunter2", text)

    def test_a_receiver_that_is_not_there_is_told(self):
        nowhere = f"http://127.0.0.1:{free_port()}"
        home = self.home(SMOLTBOT_OTLP__ENDPOINT=nowhere)
        calls = home.work("nowhere")
        home.exported(calls)

        def failed():
            queue = json.loads(home.run("status", "--json").stdout)["otlp"]
            return queue if queue["last_error"] else None

        queue = until("the failure in the status", failed)
        self.assertEqual((queue["waiting"], queue["sent"]), (calls, 0))

    def test_spans_of_the_sdk_are_calls(self):
        home = self.home()
        agent = str(uuid.uuid4())
        for compression in [Compression.NoCompression, Compression.Gzip]:
            exporter = OTLPSpanExporter(endpoint=f"{home.edge}/otlp/v1/traces", compression=compression)
            provider = TracerProvider(resource=Resource.create({"service.name": "weather-bot"}))
            provider.add_span_processor(BatchSpanProcessor(exporter))
            tracer = provider.get_tracer("suite")
            with tracer.start_as_current_span("invoke_agent forecaster"):
                attributes = {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": "get_weather",
                    "gen_ai.tool.call.id": "call_1",
                    "gen_ai.agent.id": agent,
                    "gen_ai.conversation.id": "thread 7",
                    "gen_ai.tool.call.arguments": '{"city":"Ulm"}',
                    "gen_ai.tool.call.result": "14 degrees",
                }
                with tracer.start_as_current_span(
                    "execute_tool get_weather", kind=SpanKind.INTERNAL, attributes=attributes
                ) as span:
                    context = span.get_span_context()
                with tracer.start_as_current_span("execute_tool exec") as span:
                    span.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.agent.id": agent})
                    span.set_status(Status(StatusCode.ERROR, "no such program"))
            self.assertTrue(provider.force_flush())
            provider.shutdown()
        traces = json.loads(get(f"{home.edge}/v1/traces?agent_id={agent}"))["traces"]
        self.assertEqual(len(traces), 4)
        by_span = {trace["metadata"]["otel_span_id"]: trace for trace in traces}
        trace = by_span[f"{context.span_id:016x}"]
        self.assertEqual(trace["metadata"]["otel_trace_id"], f"{context.trace_id:032x}")
        self.assertEqual(trace["params"], {"city": "Ulm"})
        self.assertEqual(trace["result"], "14 degrees")
        self.assertEqual(trace["metadata"]["session_id"], "thread 7")
        self.assertEqual(trace["metadata"]["tool_call_id"], "call_1")
        self.assertEqual(trace["metadata"]["runtime"], "weather-bot")
        self.assertEqual(trace["metadata"]["source"], "otlp")
        self.assertFalse(trace["signed"])
        kinds = sorted((trace["tool_name"], trace["action_type"]) for trace in traces)
        self.assertEqual(kinds, [("exec", "error")] * 2 + [("get_weather", "allow")] * 2)


if __name__ == "__main__":
    unittest.main()
