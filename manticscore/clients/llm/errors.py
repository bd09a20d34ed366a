"""What goes wrong with a language model, as codes that a stream can show.

    LlmError                 retryable  tokens
    ├── Timeout              yes        unknown    LLM_TIMEOUT
    ├── RateLimited          yes        none       LLM_RATE_LIMITED, carries retry_after
    ├── Unavailable          yes        none       LLM_UNAVAILABLE
    │   └── BrokenOff        yes        unknown    the answer had begun, or may have
    ├── KeyRejected          no         none       LLM_KEY_REJECTED
    ├── QuotaExceeded        no         none       LLM_QUOTA_EXCEEDED
    ├── RequestRejected      no         none       LLM_REQUEST_REJECTED
    ├── BadOutput            no         counted    LLM_BAD_OUTPUT
    │   └── EmptyReply                           LLM_EMPTY_OUTPUT
    ├── Interrupted          no         unknown    LLM_INTERRUPTED
    └── CeilingReached       no         none       LLM_BUDGET_EXCEEDED

`tokens` is what the failed call used: nothing, a number, or None when nobody can know.
"""

from __future__ import annotations

from manticscore import errors
from manticscore.clients.llm.interface import Tokens

NOTHING = Tokens()


class LlmError(errors.PipelineError):
    """The language model failed."""

    code = "LLM_UNAVAILABLE"
    tokens: Tokens | None = NOTHING

    def __init__(self, message: str = "") -> None:
        super().__init__(message)


class Timeout(LlmError):
    """The language model did not answer in time."""

    code = "LLM_TIMEOUT"
    retryable = True
    tokens = None


class RateLimited(LlmError):
    """The language model's provider asks to wait."""

    code = "LLM_RATE_LIMITED"
    retryable = True

    def __init__(self, message: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(LlmError):
    """The language model cannot be reached at the moment."""

    code = "LLM_UNAVAILABLE"
    retryable = True


class BrokenOff(Unavailable):
    """The connection to the language model broke off before its answer was complete."""

    tokens = None


class KeyRejected(LlmError):
    """The language model's provider does not accept the key."""

    code = "LLM_KEY_REJECTED"


class QuotaExceeded(LlmError):
    """The account with the language model's provider is used up."""

    code = "LLM_QUOTA_EXCEEDED"


class RequestRejected(LlmError):
    """The language model's provider refuses the request; the model's name may be wrong."""

    code = "LLM_REQUEST_REJECTED"


class BadOutput(LlmError):
    """The language model's answer cannot be used."""

    code = "LLM_BAD_OUTPUT"

    def __init__(self, message: str = "", tokens: Tokens | None = None) -> None:
        super().__init__(message)
        self.tokens = tokens


class EmptyReply(BadOutput):
    """The language model's answer is empty."""

    code = "LLM_EMPTY_OUTPUT"


class Interrupted(LlmError):
    """The worker stopped while the language model was answering; the call is not paid for twice."""

    code = "LLM_INTERRUPTED"
    tokens = None


class CeilingReached(LlmError):
    """What the run may spend on language models is used up."""

    code = "LLM_BUDGET_EXCEEDED"


def of_code(code: str, message: str = "") -> LlmError:
    """The error of a stored code."""
    return {kind.code: kind for kind in CODES}.get(code, LlmError)(message)


CODES: tuple[type[LlmError], ...] = (
    Timeout,
    RateLimited,
    Unavailable,
    KeyRejected,
    QuotaExceeded,
    RequestRejected,
    BadOutput,
    EmptyReply,
    Interrupted,
    CeilingReached,
)
