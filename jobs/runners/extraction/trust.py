"""Which certificates a database has to show, and what to do where it shows another one."""

import ssl

from jobs.runners.extraction.models import Database


def verifying(source: Database) -> ssl.SSLContext:
    """Return TLS that asks for the host's own certificate, signed by the job's authority or a public one."""
    return ssl.create_default_context(cadata=source.ca or None)


def advice(source: Database, said: str) -> str:
    """Return what to do about a connection that failed for its TLS, after a full stop; "" for any other."""
    words = said.lower()
    if "host name" in words or "hostname mismatch" in words or "ip address mismatch" in words:
        return (
            f". The certificate is for another host than {source.host}: write the host that it is for, or "
            "have one made for this host."
        )
    # A signature that does not fit: an authority of the same name with another key.
    if any(
        each in words for each in ("verify failed", "verify_failed", "signature failure", "bad signature")
    ):
        whose = "the authority of the job (ca)" if source.ca else "a public authority"
        return (
            f". The database's certificate is not signed by {whose}: put the certificate of the authority "
            "that signed it into the job (ca)."
        )
    if "support ssl" in words or "doesn't support it" in words:
        return ". The database speaks no TLS: switch it on there."
    return ""
