"""KServe's own model of its resource: `python kserve_manifest.py SERVICE.yaml` prints what it keeps of a manifest."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.pop(0)  # a file beside this one has the package's name
import kserve
import kubernetes.client.models
import yaml

for name in dir(kserve):
    if name.startswith("V1"):  # where Kubernetes' client looks its models up
        setattr(kubernetes.client.models, name, getattr(kserve, name))
manifest = json.dumps(yaml.safe_load(Path(sys.argv[1]).read_text()))
client = kubernetes.client.ApiClient()
kept = client.deserialize(SimpleNamespace(data=manifest), kserve.V1beta1InferenceService)
print(json.dumps(client.sanitize_for_serialization(kept)))
