"""FFmpeg's errors in plain words: which leaf of `SourceError` each is, and what its owner can do about it.

Nothing here repeats FFmpeg's own text, which holds the URL with its password. Whoever raises these does so `from None`,
for the same reason.
"""

from __future__ import annotations

import errno
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av.error

from relay.errors import (
    SourceAuthError,
    SourceEndedError,
    SourceError,
    SourceFaultyError,
    SourceNotFoundError,
    SourceStalledError,
    SourceUnreachableError,
    SourceUnsupportedError,
)
from relay.source.address import SourceKind
from relay.source.options import authorities

if TYPE_CHECKING:
    from relay.source.address import Address

_TIMEOUTS: Final = (av.error.TimeoutError, av.error.ExitError)
_NOT_MEDIA: Final = (
    av.error.InvalidDataError,
    av.error.DemuxerNotFoundError,
    av.error.DecoderNotFoundError,
    av.error.ProtocolNotFoundError,
    av.error.PatchWelcomeError,
)
_MAX_DIAGNOSIS_S: Final = 2.0


def explain_opening(
    error: Exception, address: Address, elapsed_s: float, timeout_s: float, *, tls_verify: bool = False
) -> SourceError:
    """Why `address` could not be opened. It may be connected to once more, to tell a dead host from a mute one.

    `tls_verify` says that the host had to show a certificate that this machine trusts.
    """
    if isinstance(error, av.error.HTTPError | av.error.HTTPClientError | av.error.HTTPServerError):
        return _explain_answer(error, address)
    if address.is_network:
        return _explain_network(error, address, elapsed_s, timeout_s, tls_verify=tls_verify)
    if isinstance(error, _TIMEOUTS):
        return SourceUnreachableError(_mute(address, elapsed_s))
    return _explain_local(error, address)


def explain_reading(error: Exception, address: Address, read_timeout_s: float) -> SourceError:
    """Why reading from `address` ended, after it had been opened."""
    if isinstance(error, _TIMEOUTS):
        return stalled(address, read_timeout_s)
    code = getattr(error, "errno", None)
    if address.kind is SourceKind.V4L2 and code in {errno.ENODEV, errno.EIO, errno.ENXIO}:
        return SourceEndedError(f"{address.label}: the camera was unplugged, or its driver failed")
    if address.kind is SourceKind.HTTP and code == errno.EIO:
        # What ends with its connection, and did not say its length before, is an error to FFmpeg.
        return SourceEndedError(f"{address.label}: the camera closed the connection")
    return SourceEndedError(f"{address.label}: the connection broke ({_reason(error)})")


def stalled(address: Address, read_timeout_s: float) -> SourceStalledError:
    """The source is open, and nothing comes."""
    return SourceStalledError(f"{address.label}: nothing came for {read_timeout_s:.3g} s")


def _explain_answer(error: Exception, address: Address) -> SourceError:
    """The server answered, with an error of HTTP or (the same numbers) RTSP."""
    label = address.label
    if isinstance(error, av.error.HTTPUnauthorizedError):
        given = "user and password are not right" if "***@" in label else "it wants a user and a password"
        return SourceAuthError(f"{label}: {given} (401): write USER:PASSWORD@ before the host")
    if isinstance(error, av.error.HTTPForbiddenError):
        return SourceAuthError(f"{label}: access is forbidden (403): this user may not watch, or the account is locked")
    if isinstance(error, av.error.HTTPNotFoundError):
        return SourceNotFoundError(f"{label}: there is no such path (404): compare it with the camera's manual")
    hint = ""
    if address.kind is SourceKind.RTSP and isinstance(error, av.error.HTTPOtherClientError):
        hint = ': try rtsp_transport = "auto"'
    return SourceFaultyError(f"{label}: the camera refuses ({_reason(error)}){hint}")


def _explain_network(
    error: Exception, address: Address, elapsed_s: float, timeout_s: float, *, tls_verify: bool
) -> SourceError:
    """FFmpeg says EIO for an unknown host and, in RTSP, "invalid data" for every failure to connect: look again."""
    if isinstance(error, av.error.ProtocolNotFoundError):
        return SourceUnsupportedError(f"{address.label}: this build of FFmpeg lacks the protocol")
    fault = _connect_fault(address, min(timeout_s, _MAX_DIAGNOSIS_S), tls_verify=tls_verify)
    if fault is not None:
        return fault
    if isinstance(error, _TIMEOUTS) or elapsed_s >= 0.9 * timeout_s:
        return SourceFaultyError(_mute(address, elapsed_s))
    if address.kind is SourceKind.HTTP and isinstance(error, _NOT_MEDIA):
        return SourceUnsupportedError(
            f"{address.label}: what comes is no video that can be read here: is it the address of a page?"
        )
    if getattr(error, "errno", None) == errno.EPROTONOSUPPORT:
        return SourceFaultyError(f'{address.label}: it does not send in this way: try rtsp_transport = "auto"')
    return SourceFaultyError(f"{address.label}: it answers, but not as a camera that can be read ({_reason(error)})")


def _connect_fault(address: Address, timeout_s: float, *, tls_verify: bool) -> SourceError | None:
    """What is wrong with the way to the host, or `None` if a connection can be made (with TLS, where that is asked)."""
    where = f"{address.host}:{address.port}"
    try:
        with socket.create_connection((address.host, address.port), timeout=timeout_s) as connection:
            return _tls_fault(connection, address, tls_verify=tls_verify) if address.is_tls else None
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            return SourceUnreachableError(f"{address.label}: the name server does not answer: is the network up?")
        return SourceNotFoundError(
            f"{address.label}: no host is called {address.host!r}: check the name, or use its address"
        )
    except ConnectionRefusedError:
        return SourceUnreachableError(
            f"{address.label}: nothing listens at {where}: is the camera on, and is this its port?"
        )
    except TimeoutError:
        return SourceUnreachableError(
            f"{address.label}: {where} does not answer: is the camera on, and on this network?"
        )
    except OSError as error:
        return SourceUnreachableError(f"{address.label}: {where} cannot be reached ({error.strerror or 'no route'})")


def _tls_fault(connection: socket.socket, address: Address, *, tls_verify: bool) -> SourceError | None:
    context = ssl.create_default_context(cafile=authorities())
    if not tls_verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(connection, server_hostname=address.host).close()
    except ssl.SSLCertVerificationError as error:
        return SourceUnsupportedError(
            f"{address.label}: its certificate is not trusted ({error.verify_message}): if this is your own camera, "
            "tls_verify = false reads it all the same"
        )
    except ssl.SSLError:
        plain = address.label.partition("s://")[0]
        return SourceUnsupportedError(
            f"{address.label}: port {address.port} does not speak TLS: write {plain}:// or the port that does"
        )
    return None


def _explain_local(error: Exception, address: Address) -> SourceError:
    label, code = address.label, getattr(error, "errno", None)
    match code:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            fault: SourceError = SourceNotFoundError(f"{label}: there is no such {_thing(address)}{_devices(address)}")
        case errno.EACCES | errno.EPERM:
            hint = "add this user to the group 'video'" if address.kind is SourceKind.V4L2 else "see its permissions"
            fault = SourceUnreachableError(f"{label}: may not be read: {hint}")
        case errno.EBUSY:
            fault = SourceUnreachableError(f"{label}: another programme is using it: close that one")
        case _:
            fault = _explain_content(error, address)
    return fault


def _explain_content(error: Exception, address: Address) -> SourceError:
    label = address.label
    if address.kind is SourceKind.V4L2:
        return SourceUnsupportedError(
            f"{label}: gives no pictures in this way ({_reason(error)}): try an input_format, input_size, input_rate "
            f"that `relay devices` shows"
        )
    if address.kind is SourceKind.SCREEN:
        return _explain_screen(error, address)
    if address.kind is SourceKind.AVFOUNDATION:
        return SourceUnsupportedError(f"{label}: cannot be opened ({_reason(error)}): avfoundation is for macOS alone")
    if isinstance(error, _NOT_MEDIA):
        return SourceUnsupportedError(f"{label}: is no video that can be read here: is the file complete?")
    return SourceUnreachableError(f"{label}: cannot be opened ({_reason(error)})")


def _explain_screen(error: Exception, address: Address) -> SourceError:
    if isinstance(error, av.error.ArgumentError):  # a ValueError as well
        return SourceUnsupportedError(
            f"{address.label}: this is not all on the screen: set an input_size that fits, beside +X,Y"
        )
    if isinstance(error, ValueError):
        return SourceUnsupportedError(f"{address.label}: there is no X11 here; on macOS a screen is avfoundation:N")
    return SourceUnreachableError(
        f"{address.label}: there is no such X11 display, or this user may not see it (DISPLAY and XAUTHORITY say which "
        "it is; Wayland shows its screen to nobody)"
    )


def _mute(address: Address, elapsed_s: float) -> str:
    hint = ""
    if address.kind is SourceKind.RTSP:
        hint = ': if its light is on, restart the camera, or try rtsp_transport = "auto"'
    return f"{address.label}: nothing came within {elapsed_s:.0f} s{hint}"


def _thing(address: Address) -> str:
    return "file" if address.kind is SourceKind.FILE else "camera"


def _devices(address: Address) -> str:
    """What there is instead, since the number of a webcam changes with the plug it is in."""
    if address.kind is not SourceKind.V4L2:
        return ""
    found = sorted(str(path) for path in Path("/dev").glob("video*"))
    return f": found {', '.join(found)}" if found else ": this machine shows no /dev/video*; is the camera plugged in?"


def _reason(error: Exception) -> str:
    """FFmpeg's own words, without the URL that it appends to them."""
    return str(getattr(error, "strerror", None) or type(error).__name__)
