"""Judges traces with AAP's Python reference verifier, its pydantic models and its JSON Schemas.

    python judge.py HOME CASES

HOME is the directory `judges` that `cargo xtask setup` fills, CASES a JSON file `[{name, card, trace}]`, where `traces`
instead of `trace` asks for drift, `other` for coherence with another card, `fleet` for that of several, and `message` for what the
schema and the models say of a message of the handshake; `generated` leaves schemas and models out. Prints `{version, verdicts: {name: {violations: [type]} | {refused: message}},
drift: {name: {alerts: [alert]} | {refused: message}}, schema: {name: [error]}, model: {name: [error]}, details: {name: whole result | {refused: message}}}`.
"""

import json
import sys
from pathlib import Path

import aap
from aap.schemas import value_coherence
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


MESSAGES = {
    "alignment_card_request": value_coherence.AlignmentCardRequest,
    "alignment_card_response": value_coherence.AlignmentCardResponse,
    "value_coherence_check": value_coherence.ValueCoherenceCheck,
    "coherence_result": value_coherence.CoherenceResultMessage,
}


def message_errors(message: dict[str, object]) -> list[str]:
    try:
        MESSAGES[message["message_type"]].model_validate(message)
    except Exception as error:  # Whatever the model raises is its refusal.
        return [f"message: {error}"]
    return []


def attempt(judge: object, *arguments: object) -> dict[str, object]:
    try:
        return judge(*arguments).model_dump(mode="json")
    except Exception as error:  # Whatever the verifier raises is its refusal.
        return {"refused": f"{type(error).__name__}: {error}"}


def verdict(result: dict[str, object]) -> dict[str, object]:
    if "refused" in result:
        return result
    violations = [violation["type"] for violation in result["violations"]]
    assert result["verified"] == (not violations), "verified and violations disagree"
    return {"violations": violations}


def drift(traces: object, card: object) -> dict[str, object]:
    try:
        return {"alerts": [alert.model_dump(mode="json") for alert in aap.detect_drift(card, traces)]}
    except Exception as error:  # Whatever the detector raises is its refusal.
        return {"refused": f"{type(error).__name__}: {error}"}


def main(home: Path, cases: Path) -> None:
    card_schema, trace_schema = schema(home, "alignment-card"), schema(home, "ap-trace")
    message_schema = schema(home, "value-coherence")
    verdicts, drifts, schemas, models, details = {}, {}, {}, {}, {}
    for case in json.loads(cases.read_text("utf-8")):
        name, card = case["name"], case.get("card")
        if "fleet" in case:
            details[name] = attempt(aap.check_fleet_coherence, case["fleet"], case["task_values"])
            continue
        if "other" in case:
            details[name] = attempt(aap.check_coherence, card, case["other"], case["task_values"])
            continue
        if "message" in case:
            schemas[name] = schema_errors(message_schema, "message", case["message"])
            models[name] = message_errors(case["message"])
            continue
        if "traces" in case:
            drifts[name] = drift(case["traces"], card)
            continue
        trace = case["trace"]
        details[name] = attempt(aap.verify_trace, trace, card)
        verdicts[name] = verdict(details[name])
        if case.get("generated"):
            continue
        schemas[name] = schema_errors(card_schema, "card", card) + schema_errors(trace_schema, "trace", trace)
        models[name] = model_errors(aap.AlignmentCard, "card", card) + model_errors(aap.APTrace, "trace", trace)
    said = {"verdicts": verdicts, "drift": drifts, "schema": schemas, "model": models, "details": details}
    json.dump({"version": aap.__version__, **said}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
