"""What the generator cannot know of a body: 32 bytes are an Ed25519 key only where they are a point of its curve."""

import re

import schemathesis

KEY = "GX9rI+FshTLGq8g4+s1ep4m+DHaykgM0A5v6iz02jWE="
LOOKS_LIKE_A_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")


@schemathesis.hook
def before_call(context, case, **kwargs):
    key = case.body.get("public_key") if isinstance(case.body, dict) else None
    if isinstance(key, str) and LOOKS_LIKE_A_KEY.fullmatch(key):
        case.body["public_key"] = KEY
