"""Which certificates a database has to show, and what to do where it shows another one."""

import ssl

from jobs.runners.extraction.models import Database
from portal.said import said


def verifying(source: Database) -> ssl.SSLContext:
    """Return TLS that asks for the host's own certificate, signed by the job's authority or a public one."""
    return ssl.create_default_context(cadata=source.ca or None)


def no_connection(why: str, what_to_do: str = "") -> str:
    """Return that there is no connection, and what to do where that is known."""
    if not what_to_do:
        return said("no connection: %(why)s", why=why)
    return said("no connection: %(why)s. %(advice)s", why=why, advice=what_to_do)


def advice(source: Database, why: str) -> str:
    """Return what to do about a connection that failed for its TLS; "" for any other."""
    words = why.lower()
    if "host name" in words or "hostname mismatch" in words or "ip address mismatch" in words:
        return said(
            "The certificate is for another host than %(host)s: write the host that it is for, or "
            "have one made for this host.",
            host=source.host,
        )
    # A signature that does not fit: an authority of the same name with another key.
    if any(
        each in words for each in ("verify failed", "verify_failed", "signature failure", "bad signature")
    ):
        return (
            said(
                "The database's certificate is not signed by the authority of the job (ca): put the "
                "certificate of the authority that signed it into the job (ca)."
            )
            if source.ca
            else said(
                "The database's certificate is not signed by a public authority: put the certificate of the "
                "authority that signed it into the job (ca)."
            )
        )
    if "support ssl" in words or "doesn't support it" in words:
        return said("The database speaks no TLS: switch it on there.")
    return ""
