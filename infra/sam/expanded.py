"""What CloudFormation makes of template.yaml, and when that publishes a version of a function.

    target/sam/bin/python infra/sam/expanded.py write DIR   # each variant as DIR/<name>.json, for linters
    target/sam/bin/python infra/sam/expanded.py versions    # what must publish a version does, and nothing else

SAM's own transform runs here, without an account. Linters that read the template see what is written in it; those that read
these files see what SAM adds: versions, aliases, event source mappings, rules, schedules, deployment groups.
"""

import json
import logging
import os
import pathlib
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
logging.disable(logging.WARNING)

from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

TEMPLATE = pathlib.Path(__file__).with_name("template.yaml")
GIVEN = {
    "SenderIdentity": "mail.example.com",
    "WebhookSecretName": "perennial/test/webhooks",
    "KeySecretName": "perennial/test/keys",
    "AlarmEmail": "operations@example.com",
}
DESK = {
    "DeskIssuer": "https://pool.example.com",
    "DeskClientId": "client",
    "DeskSignInPages": "https://pages.example.com",
}
VARIANTS = {
    "standard": {**DESK, "HttpConcurrency": "10", "PublicDomain": "mail.example.com"},
    "minimal": {"Profile": "minimal", "Edge": "function-url"},
    "gradual": {**DESK, "RolloutType": "Canary10Percent5Minutes"},
}
# Another value of these changes what a function is or is told, so it must publish versions. The others do not reach a function, or, as
# Stage and Architecture, make another one of it anyhow.
PUBLISHING = {
    "Profile": "minimal",
    "Edge": "function-url",
    "PublicDomain": "other.example.com",
    "WebhookSecretName": "other",
    "KeySecretName": "other",
    "MailConcurrency": "7",
    "DeskIssuer": "https://other.example.com",
    "DeskClientId": "other",
    "DeskSignInPages": "https://other.example.com",
}
SILENT = {
    "AlarmEmail": "other@example.com",
    "BriefSchedule": "cron(0 6 ? * TUE *)",
    "HttpConcurrency": "20",
    "LogRetentionDays": "7",
    "RecoveryDays": "7",
    "RequestsPerSecond": "7",
    "RolloutType": "Linear10PercentEvery1Minute",
    "SenderIdentity": "other.example.com",
    "TeamTimeZone": "UTC",
}
MADE_ANEW = {"Stage", "Architecture"}


class NoPolicies:
    """There are no managed policies to look up: every role is written out."""

    def load(self):
        return {}


def template(playbook="one"):
    """The template as `sam package` leaves it: what is built lies in a bucket, under a name made of its content."""
    read = yaml_parse(TEMPLATE.read_text())
    for name, resource in read["Resources"].items():
        properties = resource.get("Properties", {})
        if "CodeUri" in properties:
            properties["CodeUri"] = f"s3://bucket/{name}"
        if "ContentUri" in properties:
            properties["ContentUri"] = f"s3://bucket/playbook-{playbook}"
    return read


def expanded(parameters, **packaged):
    return transform(template(**packaged), {**GIVEN, **parameters}, NoPolicies(), passthrough_metadata=True)


def versions(parameters, **packaged):
    """The logical ids of the functions' versions: CloudFormation publishes one when its id is new."""
    resources = expanded(parameters, **packaged)["Resources"]
    return {name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version"}


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, parameters in VARIANTS.items():
        (folder / f"{name}.json").write_text(json.dumps(expanded(parameters), indent=1))


def check_versions():
    base = VARIANTS["standard"]
    before = versions(base)
    functions = [r for r in template()["Resources"].values() if r["Type"] == "AWS::Serverless::Function"]
    assert len(before) == len(functions), f"{len(before)} versions of {len(functions)} functions"
    assert versions(base) == before, "the same template publishes versions again"
    kept = before & versions(base, playbook="two")
    assert not kept, f"a change of the playbook alone does not publish {sorted(kept)}"
    for name, value in PUBLISHING.items():
        kept = before & versions({**base, name: value})
        assert not kept, f"another {name} does not publish {sorted(kept)}"
    for name, value in SILENT.items():
        new = versions({**base, name: value}) - before
        assert not new, f"another {name} publishes {sorted(new)}, which differ in nothing"
    # Lambda refuses a version that differs in nothing, so the functions are told what publishes one.
    told = template()["Globals"]["Function"]["Environment"]["Variables"]["DEPLOYED_WITH"]["Fn::Sub"]
    missing = [name for name in PUBLISHING if "${" + name + "}" not in told]
    assert not missing, f"DEPLOYED_WITH lacks {missing}"
    unknown = set(template()["Parameters"]) - PUBLISHING.keys() - SILENT.keys() - MADE_ANEW
    assert not unknown, f"nobody says whether these publish a version: {sorted(unknown)}"
    print(f"{len(before)} functions: a playbook or one of {len(PUBLISHING)} parameters publishes versions, {len(SILENT)} do not")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", folder]:
            write(pathlib.Path(folder))
        case ["versions"]:
            check_versions()
        case _:
            sys.exit(__doc__)
