"""The description of REST says of every operation what it does, in a sentence."""

from taskjob_api.app import openapi_document


def test_every_operation_says_what_it_does():
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in openapi_document()["paths"].items()
        for method, operation in methods.items()
    ]

    assert len(operations) > 20
    for call, operation in operations:
        summary = operation["summary"]
        assert len(summary.split()) >= 3, (call, summary)
        assert not summary.istitle(), f"{call}: the name of its function, {summary}"
        assert operation["description"].strip(), call
