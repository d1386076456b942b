"""``python -m prunelab.worked [METHOD ...]`` prints worked examples as JSON, of all or of these."""

import json
import sys

from prunelab.registry import METHODS
from prunelab.worked import every

sys.stdout.write(json.dumps(every(sys.argv[1:] or METHODS)))
