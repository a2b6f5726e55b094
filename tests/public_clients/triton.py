"""`tritonclient`, unchanged: `python triton.py HOST:PORT KEY ROWS.json` prints the scores by bytes and by JSON."""

import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.http as triton

address, key, rows = sys.argv[1:]
columns = json.loads(Path(rows).read_text())
KINDS = {"BYTES": object, "INT64": np.int64, "FP64": np.float64, "BOOL": bool}
with triton.InferenceServerClient(address) as client:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("bakery")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("bakery")
    found = []
    for binary in (True, False):
        inputs = []
        for item in metadata["inputs"]:
            values = columns[item["name"]]
            tensor = triton.InferInput(item["name"], [len(values)], item["datatype"])
            tensor.set_data_from_numpy(np.array(values, KINDS[item["datatype"]]), binary_data=binary)
            inputs.append(tensor)
        outputs = None if binary else [triton.InferRequestedOutput("score", binary_data=False)]
        result = client.infer("bakery", inputs, outputs=outputs, headers={"X-API-Key": key}, request_id="r1")
        assert result.get_response()["id"] == "r1"
        found.append(result.as_numpy("score").tolist())
print(json.dumps(found))
