"""``python -m prunelab.worked`` prints the worked examples of all methods as JSON."""

import json
import sys

from prunelab.worked import every

sys.stdout.write(json.dumps(every()))
