"""`kubectl taskjob` as a program, with a kubectl that says what a test scripts. On a cluster: e2e/identity."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from live_stack import clean_environment, eventually

from taskjob.cli.plugin.app import OWN, PluginGroup, take_flags

SCRIPT = """#!{python}
import json, os, sys, time
words = [word for word in sys.argv[1:] if not word.startswith("--request-timeout")]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(words) + "\\n")
answers = json.load(open(os.environ["ANSWERS"]))
for begins, answer in answers.items():
    if " ".join(word for word in words if not word.startswith("--")).startswith(begins):
        break
else:
    answer = {{"err": "Error from server (NotFound): nothing of that", "code": 1}}
if answer.get("stays"):
    with open(os.environ["CALLS"] + ".pid.new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(file.name, os.environ["CALLS"] + ".pid")
sys.stdout.write(answer.get("out", ""))
sys.stdout.flush()
sys.stderr.write(answer.get("err", ""))
if answer.get("stays"):
    time.sleep(600)
sys.exit(answer.get("code", 0))
"""
FORBIDDEN = {"err": 'Error from server (Forbidden): services is forbidden: User "jane" cannot list', "code": 1}


class Plugin:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: dict[str, dict[str, object]] = {
            "config view": {"out": "media"},
            "create token": {"out": "e.e.e\n"},
        }
        kubectl = folder / "bin/kubectl"
        kubectl.parent.mkdir()
        kubectl.write_text(SCRIPT.format(python=sys.executable))
        kubectl.chmod(kubectl.stat().st_mode | stat.S_IXUSR)

    def environment(self, **variables: str) -> dict[str, str]:
        (self.folder / "answers").write_text(json.dumps(self.answers))
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        files = {"CALLS": str(self.folder / "calls"), "ANSWERS": str(self.folder / "answers")}
        return clean_environment(PATH=path, **files, **variables)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        program = "from taskjob.cli.plugin import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    def forward_to(self, url: str) -> None:
        port = url.rpartition(":")[2]
        self.answers["port-forward"] = {"out": f"Forwarding from 127.0.0.1:{port} -> 8080\n", "stays": True}

    def forwarding(self) -> bool:
        """Whether the port-forward that was begun still runs."""
        try:
            os.kill(int((self.folder / "calls.pid").read_text()), 0)
        except ProcessLookupError:
            return False
        return True


@pytest.fixture
def plugin(tmp_path):
    return Plugin(tmp_path)


def services(*names: str) -> dict[str, object]:
    split = [name.split("/") for name in names]
    return {"out": json.dumps({"items": [{"metadata": {"namespace": n, "name": s}} for n, s in split]})}


def test_help_names_every_verb_and_asks_no_cluster(plugin):
    code, out, _ = plugin("--help")
    assert (code, out.startswith("Usage: kubectl taskjob ")) == (0, True)
    assert all(f"  {name} " in out for name in PluginGroup.table)
    for name in OWN:
        code, out, err = plugin(name, "--help")
        assert (code, f"Usage: kubectl taskjob {name}" in out) == (0, True), err
    assert not (plugin.folder / "calls").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("expl",), ["explain"]),
        (("cancel", "--w"), ["--wait"]),
        (("--context", "c", "to"), ["token", "top"]),
        (("zzz",), []),
    ],
)
def test_kubectl_is_told_what_may_follow(plugin, words, told):
    program = "from taskjob.cli.plugin import complete; complete()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=plugin.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == [*told, ":4"]
    assert done.stdout.count("\t") == len(told), "each with its help"


def test_kubectls_flags_may_stand_anywhere():
    words = ["logs", "--context", "c", "x", "--kubeconfig=/k", "-f", "--", "--context", "d"]
    assert take_flags(words) == (("--context=c", "--kubeconfig=/k"), ["logs", "x", "-f", "--", "--context", "d"])


def test_the_api_is_found_forwarded_to_and_shown_a_token(plugin, stack):
    plugin.answers["get services"] = services("jobs/taskjob-api")
    plugin.forward_to(stack.url)

    code, out, err = plugin("stats", "--context", "c", TASKJOB_SERVICE_ACCOUNT="ci")

    assert (code, err) == (0, ""), err
    assert "QUEUE" in out
    view, token, find, forward = plugin.calls()
    assert {call[0] for call in (view, token, find, forward)} == {"--context=c"}
    assert token[1:] == ["create", "token", "ci", "--namespace=media", "--audience=taskjob", "--duration=1h"]
    assert {"--namespace=jobs", "service/taskjob-api", "--address=127.0.0.1"} <= set(forward)
    assert not plugin.forwarding()


def test_nothing_goes_on_when_it_is_told_to_go(plugin, stack):
    plugin.answers["get services"] = services("jobs/taskjob-api")
    plugin.forward_to(stack.url)
    process = plugin.start("get", "jobs", "--watch", "-n", "empty")
    eventually((plugin.folder / "calls.pid").exists, "a port-forward")
    assert "no jobs found\n" == process.stderr.readline()

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    process.communicate()
    assert not plugin.forwarding()


def test_a_server_that_is_named_is_not_looked_for(plugin, stack):
    code, _, err = plugin("get", "queues", TASKJOB_SERVER=stack.url)
    assert (code, err) == (0, "")
    assert not (plugin.folder / "calls").exists()


@pytest.mark.parametrize(
    ("answers", "code", "told"),
    [
        ({"get services": services()}, 3, "not installed in this cluster"),
        ({"get services": services("a/x", "b/y")}, 2, "several apis: a/x, b/y"),
        ({"get services": FORBIDDEN, "port-forward": FORBIDDEN}, 5, "services is forbidden"),
        (
            {"get services": services("a/x"), "port-forward": {"err": "error: unable to connect", "code": 1}},
            7,
            "unable",
        ),
        ({"create token": {"err": "Error from server (NotFound): no account", "code": 1}}, 3, "no account"),
        ({"config view": {"err": "error: no context exists", "code": 1}}, 2, "error: no context exists"),
    ],
)
def test_what_stands_in_the_way_is_told(plugin, answers, code, told):
    plugin.answers |= answers
    found, _, err = plugin("get", "jobs")
    assert (found, told in err) == (code, True), err
    assert "error: error:" not in err


def test_of_several_apis_none_is_proposed(plugin):
    """Anybody may label a Service so in a namespace of his own, and would be sent a token."""
    plugin.answers |= {"get services": services("a/mine", "taskjob-system/taskjob-api")}
    _, _, err = plugin("get", "jobs")
    assert "TASKJOB_API_SERVICE=namespace/name, of the one that you trust" in err
    assert not any("port-forward" in call for call in plugin.calls())


def test_without_kubectl_it_says_where_to_get_it(plugin):
    (plugin.folder / "bin/kubectl").unlink()
    for arguments in (("cancel", "x"), ("get", "jobs", "-n", "a")):
        process = subprocess.run(
            [sys.executable, "-c", "from taskjob.cli.plugin import main; main()", *arguments],
            env=plugin.environment() | {"PATH": str(plugin.folder / "bin"), "TASKJOB_TOKEN": "t"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (process.returncode, "kubectl is not on the PATH" in process.stderr) == (2, True), process.stderr


def taskjob(**spec: object) -> dict[str, object]:
    return {"out": json.dumps({"metadata": {"resourceVersion": "7"}, "spec": spec})}


@pytest.mark.parametrize(
    ("words", "spec", "patch"),
    [
        (("cancel", "tj/x"), {}, {"spec": {"cancel": True}}),
        (("rerun", "x"), {"rerun": 2}, {"metadata": {"resourceVersion": "7"}, "spec": {"rerun": 3}}),
        (("pause", "x"), {}, {"spec": {"paused": True}}),
        (("resume", "tq/x"), {"paused": True}, {"spec": {"paused": False}}),
    ],
)
def test_what_a_custom_resource_can_say_needs_only_the_kubeconfig(plugin, words, spec, patch):
    kind = "taskjobs.taskjob.dev" if words[0] in {"cancel", "rerun"} else "taskqueues.taskjob.dev"
    plugin.answers |= {f"get {kind} x": taskjob(**spec), "patch": {"out": "patched"}}
    assert 0 == plugin(*words, "-n", "a")[0]
    get, *_, change = plugin.calls()
    assert change == ["patch", kind, "x", "--namespace=a", "--type=merge", f"--patch={json.dumps(patch)}"]
    assert get[0] == "get"


def test_a_rerun_that_meets_another_gives_up_at_last(plugin):
    plugin.answers |= {
        "get taskjobs.taskjob.dev x": taskjob(),
        "patch": {"err": "Error from server (Conflict): the object has been modified", "code": 1},
    }
    code, _, err = plugin("rerun", "x", "-n", "a")
    assert (code, "changed all the time" in err) == (6, True)


def test_waiting_for_the_end_of_a_taskjob(plugin):
    plugin.answers |= {"get taskjobs.taskjob.dev x": taskjob(), "patch": {}, "wait": {"out": "met"}}
    assert 0 == plugin("cancel", "x", "-n", "a", "--wait")[0]
    plugin.answers["wait"] = {"err": "error: timed out waiting for the condition", "code": 1}
    code, _, err = plugin("cancel", "x", "-n", "a", "--wait", "--timeout", "2s")
    assert (code, "within 2 s" in err) == (4, True)


def test_what_is_no_custom_resource_is_the_apis(plugin, stack):
    plugin.answers["get services"] = services("jobs/taskjob-api")
    plugin.forward_to(stack.url)
    job = stack.client.submit({"task": "nobody.serves", "queue": "plugin"}).id

    code, out, err = plugin("cancel", job, "-n", "default", "--wait")
    assert (code, f"taskjob/{job} cancelled" in out) == (0, True), out + err
    assert 0 == plugin("pause", "plugin", "-n", "default", "--reason", "tidy up")[0]
    assert stack.client.queue("plugin").paused_by
    assert 0 == plugin("resume", "plugin", "-n", "default")[0]
    assert not stack.client.queue("plugin").paused_by
    code, out, _ = plugin("rerun", job, "-n", "default")
    assert (code, "run 1 started" in out) == (0, True)
    stack.client.cancel(job)
    code, out, _ = plugin("top", "-n", "default")
    assert (code, "plugin" in out, "steady" in out) == (0, True, True)
    assert "e.e.e" == plugin("token", "-n", "default")[1].strip()
