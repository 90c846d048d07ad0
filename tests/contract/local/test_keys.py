from pathlib import Path

from services.local.keys import ensure_keys
from services.serving.tokens import TokenMinter, TokenVerifier


def test_keys_are_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path / "run")
    files = (keys.token_private, keys.token_public, keys.api_key)
    before = [file.read_bytes() for file in files]
    token = TokenMinter(before[0]).mint("demo", "client")
    assert TokenVerifier(before[1]).verify(token).tenant == "demo"
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(file.name for file in files)
    ensure_keys(tmp_path / "run")
    assert [file.read_bytes() for file in files] == before
