"""Put files into a bucket with obstore, 32 at once: ``store_probe.py URL LIST``."""

import asyncio
import os
import sys
from pathlib import Path

import obstore
from obstore.store import from_url

__all__ = ["put_files"]

_AT_ONCE = 32


async def put_files(url: str, paths: list[Path]) -> None:
    """Put each file under its name."""
    store = from_url(
        url, config={"endpoint": os.environ["AWS_ENDPOINT_URL"]}, client_options={"allow_http": True}
    )
    slots = asyncio.Semaphore(_AT_ONCE)

    async def put(path: Path) -> None:
        async with slots:
            await obstore.put_async(store, path.name, path.read_bytes(), mode="create")

    await asyncio.gather(*map(put, paths))


if __name__ == "__main__":
    asyncio.run(put_files(sys.argv[1], [*map(Path, Path(sys.argv[2]).read_text().splitlines())]))
