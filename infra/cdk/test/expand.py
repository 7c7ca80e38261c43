"""Does to a synthesized template what CloudFormation does first: SAM's transform. Reads standard input, writes standard output."""

import json
import logging
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
logging.disable(logging.WARNING)

from samtranslator.translator.transform import transform  # noqa: E402 (it asks for the region when it is imported)


class NoManagedPolicies:
    """The template names no managed policy by SAM's short names, so none has to be asked of IAM."""

    def load(self):
        return {}


json.dump(transform(json.load(sys.stdin), {}, NoManagedPolicies()), sys.stdout)
