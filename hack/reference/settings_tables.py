"""Tables of settings, from the fields and the docstring under each of them."""

from __future__ import annotations

import ast
import inspect
import textwrap


def attribute_docs(owner: type) -> dict[str, str]:
    """Field → the docstring that stands under it."""
    body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            docs[field.target.id] = " ".join(str(after.value.value).split())
    return docs


def defaults(owner: type) -> dict[str, str]:
    """Field → its default as the source writes it."""
    body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: "required" if field.value is None else f"`{ast.unparse(field.value)}`"
        for field in body.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def escape(text: str) -> str:
    return text.replace("|", "\\|")


def table(owner: type, prefix: str = "") -> str:
    """One row a field; with a prefix, named as the environment variable that sets it."""
    docs = attribute_docs(owner)
    values = defaults(owner)
    if missing := values.keys() - docs.keys():
        raise SystemExit(f"{owner.__module__}.{owner.__name__}: no docstring under {', '.join(sorted(missing))}")
    names = {name: prefix + name.upper() if prefix else name for name in values}
    lines = [f"| {'variable' if prefix else 'setting'} | default | meaning |", "|---|---|---|"]
    lines += [f"| `{names[name]}` | {escape(value)} | {escape(docs[name])} |" for name, value in values.items()]
    return "\n".join(lines)


def render_engine() -> str:
    from taskjob_engine.settings import EngineSettings

    return table(EngineSettings)


def render_api() -> str:
    from taskjob_api.settings import ApiSettings

    return table(ApiSettings, "TASKJOB_")


def render_operator() -> str:
    from taskjob_operator.settings import OperatorSettings

    return table(OperatorSettings, "TASKJOB_")


NOT_ARGUMENTS = {"token": "TASKJOB_TOKEN", "log_level": "TASKJOB_LOG_LEVEL"}
"""What `taskjob worker` reads from its environment alone."""


def render_worker() -> str:
    """One row a field, with the argument and the variable that the command line takes it from."""
    import click

    from taskjob.cli.commands.worker import command
    from taskjob_worker.settings import WorkerSettings

    arguments = {str(parameter.name).removesuffix("_file"): parameter for parameter in command.params}
    arguments |= {str(parameter.name): parameter for parameter in command.params}
    docs = attribute_docs(WorkerSettings)
    lines = ["| argument | variable | default | meaning |", "|---|---|---|---|"]
    for name, value in defaults(WorkerSettings).items():
        if name in NOT_ARGUMENTS:
            told = ["", NOT_ARGUMENTS[name]]
        elif name in arguments:
            parameter = arguments[name]
            option = isinstance(parameter, click.Option)
            shown = "/".join(parameter.opts) if option else parameter.make_metavar(click.Context(command))
            told = [shown, str(parameter.envvar or "")]
        else:
            raise SystemExit(f"taskjob worker: nothing sets {name}")
        cells = [escape(f"`{text}`") if text else "" for text in told]
        lines.append(f"| {' | '.join([*cells, escape(value), escape(docs[name])])} |")
    return "\n".join(lines)
