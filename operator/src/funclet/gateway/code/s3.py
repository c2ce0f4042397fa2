"""Addresses of S3 objects, signed with the gateway's own credentials."""

import re
from collections.abc import Callable
from threading import Lock
from typing import Literal, NamedTuple, Protocol, Self, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([!-~]+)")
#: seconds for which an address can be used, clocks that differ included
_VALID = 300


class SignError(Exception):
    """There is nothing to sign with; the message says what."""


class _Client(Protocol):
    """What is used of botocore's client, whose methods are made when it is."""

    generate_presigned_url: Callable[..., str]


class S3Object(NamedTuple):
    """One object."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, source: str) -> Self | None:
        """Read s3://BUCKET/KEY; the key is taken as it stands."""
        found = _ADDRESS.fullmatch(source)
        return cls(*found.groups()) if found is not None else None


class S3Signer:
    """Signs with the credentials that botocore finds: environment, web identity, container, instance."""

    def __init__(self, endpoint: str | None, region: str) -> None:
        """An `endpoint` of one's own is asked with the bucket in the path, AWS with the bucket in the host."""
        self._endpoint = endpoint
        self._region = region
        self._clients: dict[str, _Client] = {}
        # Sessions are not to be used by several threads while they make a client.
        self._lock = Lock()
        self._session: Session | None = None

    def sign(self, wanted: S3Object, region: str | None = None) -> str:
        """Make a URL that gives the object for five minutes; blocks. Raises SignError."""
        try:
            with self._lock:
                client = self._client(region or self._region)
            return client.generate_presigned_url(
                "get_object", Params={"Bucket": wanted.bucket, "Key": wanted.key}, ExpiresIn=_VALID
            )
        except (BotoCoreError, ClientError, ValueError) as error:
            raise SignError(type(error).__name__) from None

    def _client(self, region: str) -> "_Client":
        if region not in self._clients:
            if self._session is None:
                self._session = Session()
            style: Literal["virtual", "path"] = "virtual" if self._endpoint is None else "path"
            client = self._session.create_client(
                "s3",
                region_name=region,
                endpoint_url=self._endpoint,
                config=Config(signature_version="s3v4", s3={"addressing_style": style}),
            )
            self._clients[region] = cast("_Client", client)
        return self._clients[region]
