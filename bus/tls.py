"""TLS as everything here uses it, and its failures in words that say what to do."""

import ssl

from bus.config.faults import SettingsError

CHAIN_MAX = 8
"""Causes looked at in one exception."""

_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME, _OTHER_ADDRESS = 62, 64
_ADVICE = {
    _EXPIRED: "its certificate has expired: whoever runs it must renew it",
    _NOT_YET: "its certificate is not valid yet: compare the clocks of both machines",
    _OTHER_NAME: "its certificate is for another name: write the name it has into the address",
    _OTHER_ADDRESS: "its certificate is for another address: write the name it has there instead",
}
"""By OpenSSL's number of what verification found (X509_V_ERR_...)."""
_UNTRUSTED = (
    "its certificate is not signed by an authority we trust: set ca_file to the authority (PEM) of "
    "this server; if it was right until now, find out who answers there before changing anything"
)
_NO_TLS = "what answers there speaks no TLS: check port and address; nothing was sent"
_PLAIN = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}
_OTHER = "the TLS handshake failed: {what}; nothing was sent"


def client_context(ca_file: str) -> ssl.SSLContext:
    """Certificates and names are checked, against ``ca_file`` (PEM) alone or, when it is empty, the
    system's authorities. ``SettingsError`` when the file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        what = f"ca_file {ca_file} is no certificate in PEM ({type(error).__name__})"
        raise SettingsError(what) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def advice(error: BaseException) -> str:
    """What failed in a handshake and what to do; '' when the error or its causes are of another
    kind. Nothing the far side wrote is in it."""
    found = ""
    cause: BaseException | None = error
    for _ in range(CHAIN_MAX):
        if cause is None:
            break
        if isinstance(cause, ssl.SSLError):
            found = _words(cause)  # the innermost knows most: libraries wrap it in kinds of theirs
        cause = cause.__cause__ or cause.__context__
    return found


def _words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _ADVICE.get(getattr(error, "verify_code", 0), _UNTRUSTED)
    reason = getattr(error, "reason", None) or type(error).__name__
    return _NO_TLS if reason in _PLAIN else _OTHER.format(what=reason)
