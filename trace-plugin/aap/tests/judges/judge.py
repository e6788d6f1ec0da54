"""Judges traces with AAP's Python reference verifier, its pydantic models and its JSON Schemas.

    python judge.py HOME CASES

HOME is the directory `judges` that `cargo xtask setup` fills, CASES a JSON file `[{name, card, trace}]`, where `traces`
instead of `trace` asks for drift. Prints `{version, verdicts: {name: {violations: [type]} | {refused: message}},
drift: {name: {alerts: [alert]} | {refused: message}}, schema: {name: [error]}, model: {name: [error]}}`.
"""

import json
import sys
from pathlib import Path

import aap
from jsonschema import Draft202012Validator


def schema(home: Path, name: str) -> Draft202012Validator:
    """The schema `name` as AAP ships it, with its formats checked as far as the library can."""
    document = json.loads((home / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)


def schema_errors(validator: Draft202012Validator, what: str, document: object) -> list[str]:
    return [f"{what}{error.json_path[1:]}: {error.message}" for error in validator.iter_errors(document)]


def model_errors(model: type, what: str, document: object) -> list[str]:
    try:
        model.from_dict(document)
    except Exception as error:  # Whatever the model raises is its refusal.
        return [f"{what}: {error}"]
    return []


def verdict(trace: object, card: object) -> dict[str, object]:
    try:
        result = aap.verify_trace(trace, card)
    except Exception as error:  # Whatever the verifier raises is its refusal.
        return {"refused": f"{type(error).__name__}: {error}"}
    violations = [violation.type.value for violation in result.violations]
    assert result.verified == (not violations), "verified and violations disagree"
    return {"violations": violations}


def drift(traces: object, card: object) -> dict[str, object]:
    try:
        return {"alerts": [alert.model_dump(mode="json") for alert in aap.detect_drift(card, traces)]}
    except Exception as error:  # Whatever the detector raises is its refusal.
        return {"refused": f"{type(error).__name__}: {error}"}


def main(home: Path, cases: Path) -> None:
    card_schema, trace_schema = schema(home, "alignment-card"), schema(home, "ap-trace")
    verdicts, drifts, schemas, models = {}, {}, {}, {}
    for case in json.loads(cases.read_text("utf-8")):
        name, card = case["name"], case["card"]
        if "traces" in case:
            drifts[name] = drift(case["traces"], card)
            continue
        trace = case["trace"]
        verdicts[name] = verdict(trace, card)
        schemas[name] = schema_errors(card_schema, "card", card) + schema_errors(trace_schema, "trace", trace)
        models[name] = model_errors(aap.AlignmentCard, "card", card) + model_errors(aap.APTrace, "trace", trace)
    said = {"verdicts": verdicts, "drift": drifts, "schema": schemas, "model": models}
    json.dump({"version": aap.__version__, **said}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
