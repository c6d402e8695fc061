"""Keys of the objects about API keys. They are outside any tenant: `access/` has one list for the whole service.

access/
├── keys/{id}/
│   ├── secrets/{n}-{uuid}.json  A  the SHA-256 of a secret; a rotation adds one
│   ├── key.json                 A  tenant, scopes and expiry; the key exists once this is stored
│   └── revocation.json          A  the key is never valid again; the first one stays
├── uses/{id}.json               A  the last use, accurate to some minutes
├── tenants/{tenant}/{uuid}.json A  the limits of a tenant; the newest one is valid
└── erased/{tenant}.json         A  the tenant is erased
"""

KEYS, TENANTS = "access/keys", "access/tenants"
KEY, REVOCATION = "key.json", "revocation.json"


def key_prefix(key_id: str) -> str:
    """Return the prefix of all records of a key."""
    return f"{KEYS}/{key_id}"


def key(key_id: str) -> str:
    """Return the object key of the key itself."""
    return f"{key_prefix(key_id)}/{KEY}"


def secret(key_id: str, number: int, uuid: str) -> str:
    """Return the object key of one secret. `number` is the number of earlier ones, so the names sort by age."""
    return f"{key_prefix(key_id)}/secrets/{number:06d}-{uuid}.json"


def revocation(key_id: str) -> str:
    """Return the object key of the revocation."""
    return f"{key_prefix(key_id)}/{REVOCATION}"


def use(key_id: str) -> str:
    """Return the object key of the last use."""
    return f"access/uses/{key_id}.json"


def id_and_name(object_key: str) -> tuple[str, str]:
    """Return the id of the key and the name of the record in an object key below `KEYS`."""
    key_id, _, name = object_key.removeprefix(f"{KEYS}/").partition("/")
    return key_id, name


def tenant_limits(tenant: str, uuid: str) -> str:
    """Return the object key of limits of a tenant. The names sort by age."""
    return f"{TENANTS}/{tenant}/{uuid}.json"


def tenant_of_limits(object_key: str) -> str:
    """Return the tenant in a key of `tenant_limits`."""
    return object_key.removeprefix(f"{TENANTS}/").partition("/")[0]
