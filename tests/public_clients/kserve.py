"""The `kserve` client, unchanged: `python kserve.py URL KEY ROWS.json` prints the scores."""

import asyncio
import json
import sys
from pathlib import Path

sys.path.pop(0)  # this file has the package's name
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

url, key, rows = sys.argv[1:]
KINDS = {"order_id": "INT64", "shop": "INT64", "grams": "FP64", "gift": "BOOL"}


async def main() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(url)
    assert await client.is_server_ready(url)
    assert await client.is_model_ready(url, "bakery")
    columns = json.loads(Path(rows).read_text())
    inputs = [
        InferInput(name, [len(values)], KINDS.get(name, "BYTES"), data=values) for name, values in columns.items()
    ]
    answer = await client.infer(url, InferRequest("bakery", inputs), model_name="bakery", headers={"X-API-Key": key})
    print(json.dumps([next(output.data for output in answer.outputs if output.name == "score")]))


asyncio.run(main())
