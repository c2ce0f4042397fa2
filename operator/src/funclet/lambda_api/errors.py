"""AWS's error answers as values: status, code, words, and the body as AWS spells it."""

import json
from dataclasses import dataclass
from typing import Literal

#: Exceptions of the service model whose body spells the key `message`; all others spell it `Message`.
_LOWER_CASE = frozenset({
    "AliasLimitExceededException",
    "CapacityProviderLimitExceededException",
    "CodeArtifactUserDeletedException",
    "CodeArtifactUserFailedException",
    "CodeArtifactUserPendingException",
    "CodeStorageExceededException",
    "FunctionVersionsPerCapacityProviderLimitExceededException",
    "InvalidParameterValueException",
    "InvalidRequestContentException",
    "ModeNotSupportedException",
    "PolicyLengthExceededException",
    "PreconditionFailedException",
    "ProvisionedConcurrencyConfigNotFoundException",
    "RequestTooLargeException",
    "ResourceConflictException",
    "ResourceNotReadyException",
    "RuntimeAliasDeletedException",
    "RuntimeVersionDeletedException",
    "SerializedRequestEntityTooLargeException",
    "TooManyRequestsException",
    "UnsupportedMediaTypeException",
    # not in the model: answers of the layer in front of Lambda
    "RequestEntityTooLargeException",
    "RequestTimeoutException",
    "ValidationException",
})  # fmt: skip

ThrottleReason = Literal[
    "CallerRateLimitExceeded",
    "ConcurrentInvocationLimitExceeded",
    "ReservedFunctionConcurrentInvocationLimitExceeded",
]


@dataclass(frozen=True, slots=True)
class AwsError:
    """One error answer; `code` is the exception's name in the SDKs."""

    status: int
    code: str
    message: str
    type: Literal["User", "Service"] | None = "User"
    reason: ThrottleReason | None = None
    #: seconds, for Retry-After
    retry_after: int | None = None

    def body(self) -> bytes:
        """Return the answer's JSON body."""
        spelled = "message" if self.code in _LOWER_CASE else "Message"
        fields = {"Reason": self.reason, "Type": self.type, spelled: self.message}
        present = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(present, separators=(",", ":")).encode()

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers that belong to the error, content type included."""
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", self.code)]
        if self.retry_after is not None:
            headers.append(("Retry-After", str(self.retry_after)))
        return headers


class LambdaApiError(Exception):
    """Carries an AwsError where an answer was expected."""

    def __init__(self, error: AwsError) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.error = error


def function_not_found(arn: str) -> AwsError:
    """Say that there is no such function, version or alias; `arn` is qualified where the caller asked for a qualifier."""
    return AwsError(404, "ResourceNotFoundException", f"Function not found: {arn}")


def wrong_region(region: str, served: str) -> AwsError:
    """Say that the ARN names another region than the one the caller speaks to."""
    message = f"Functions from '{region}' are not reachable in this region ('{served}')"
    return AwsError(404, "ResourceNotFoundException", message)


def access_denied(arn: str) -> AwsError:
    """Refuse another account's function."""
    message = (
        f"User is not authorized to perform: lambda:InvokeFunction on resource: {arn} "
        "because no resource-based policy allows the lambda:InvokeFunction action"
    )
    return AwsError(403, "AccessDeniedException", message, type=None)


def missing_token() -> AwsError:
    """Refuse a request without credentials."""
    return AwsError(403, "MissingAuthenticationTokenException", "Missing Authentication Token", type=None)


def invalid_token() -> AwsError:
    """Refuse credentials that nobody knows."""
    message = "The security token included in the request is invalid."
    return AwsError(403, "UnrecognizedClientException", message, type=None)


def not_permitted(caller: str, arn: str) -> AwsError:
    """Refuse a known caller who may not invoke this function."""
    message = (
        f"User: {caller} is not authorized to perform: lambda:InvokeFunction on resource: {arn} "
        "because no identity-based policy allows the lambda:InvokeFunction action"
    )
    return AwsError(403, "AccessDeniedException", message, type=None)


def forbidden(message: str) -> AwsError:
    """Refuse a request by this listener's local policy."""
    return AwsError(403, "AccessDeniedException", message, type=None)


def violates(value: str, member: str, constraint: str) -> AwsError:
    """Say which shape constraint failed; `constraint` follows "Member must "."""
    message = (
        f"1 validation error detected: Value '{value}' at '{member}' "
        f"failed to satisfy constraint: Member must {constraint}"
    )
    return AwsError(400, "ValidationException", message, type=None)


def invalid_parameter(message: str) -> AwsError:
    """Refuse a parameter that has the right shape and cannot be taken."""
    return AwsError(400, "InvalidParameterValueException", message)


def invalid_content(message: str) -> AwsError:
    """Refuse a body or client context that cannot be read."""
    return AwsError(400, "InvalidRequestContentException", message)


def request_too_large(limit: int, operation: str) -> AwsError:
    """Refuse a body over `limit` bytes."""
    message = f"Request must be smaller than {limit} bytes for the {operation} operation"
    return AwsError(413, "RequestEntityTooLargeException", message, type=None)


def throttled(reason: ThrottleReason) -> AwsError:
    """Refuse a call over a limit of concurrency."""
    return AwsError(429, "TooManyRequestsException", "Rate Exceeded.", reason=reason, retry_after=1)


def not_runnable(reason: str, message: str) -> AwsError:
    """Say that the version exists and cannot run: `reason` is a named constant, `message` a sentence."""
    words = (
        "The operation cannot be performed at this time. "
        f"The function is currently in the following state: Failed ({reason}: {message})"
    )
    return AwsError(409, "ResourceConflictException", words)


def unknown_operation() -> AwsError:
    """Say that no operation has this method and path."""
    return AwsError(404, "UnknownOperationException", "No operation has this method and path.", type=None)


def bad_request(message: str) -> AwsError:
    """Refuse HTTP that breaks its own rules."""
    return AwsError(400, "SerializationException", message, type=None)


def request_timeout(message: str) -> AwsError:
    """Say that the client did not go on sending."""
    return AwsError(408, "RequestTimeoutException", message)


def head_too_large() -> AwsError:
    """Say that request line and headers are over their cap."""
    return AwsError(
        431, "RequestHeaderFieldsTooLargeException", "The request's headers are too large.", type=None
    )


def unavailable(message: str) -> AwsError:
    """Say that this gateway takes no more calls; another, or a later attempt, will."""
    return AwsError(503, "ServiceUnavailableException", message, type="Service", retry_after=1)


def service_error(message: str) -> AwsError:
    """Own up to a failure of the platform."""
    return AwsError(500, "ServiceException", message, type="Service")
