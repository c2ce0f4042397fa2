"""Lambda's names for functions, versions and aliases."""

from funclet.plan.revision import Platform


def function_arn(platform: Platform, namespace: str, name: str, qualifier: str | None = None) -> str:
    """Give the ARN of a function by its Lambda name; qualified by a version or an alias where one is given."""
    arn = f"arn:aws:lambda:{platform.region}:{platform.account_of(namespace)}:function:{name}"
    return arn if qualifier is None else f"{arn}:{qualifier}"
