"""The stack as the README deploys it, on the emulator: `sam deploy` of what `sam build` made, and questions to what stands there.

Owns the deployed copy of the built template. It differs from the built one by where the playbook's layer comes from and by what
`gaps` says the emulator cannot do, and by nothing else.
"""

import http.client
import io
import json
import pathlib
import subprocess
import urllib.parse
import urllib.request
import zipfile

import botocore.session
import yaml
from botocore.config import Config

from emulator import REGION, Failed
from playbook import REPOSITORY

NAME = "perennial-test"
IDENTITY = "fernhill.example.com"
KEYS, WEBHOOKS = "perennial/test/keys", "perennial/test/webhooks"
PARAMETERS = {
    "Stage": "test",
    "SenderIdentity": IDENTITY,
    "KeySecretName": KEYS,
    "WebhookSecretName": WEBHOOKS,
    "AlarmEmail": "alarms@fernhill.example.com",
    "TeamTimeZone": "UTC",
    "Edge": "function-url",
    "Architecture": "x86_64",
}
DEPLOYS_WITHIN_SECONDS = 600


class Aws:
    """Clients of the emulator, by the name of the service."""

    def __init__(self, emulator):
        self.emulator, self.clients = emulator, {}
        self.session = botocore.session.Session()
        self.session.set_credentials("emulated", "emulated")

    def __call__(self, service):
        if service not in self.clients:
            self.clients[service] = self.session.create_client(
                service,
                region_name=REGION,
                endpoint_url=self.emulator.endpoint,
                config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
            )
        return self.clients[service]

    def text(self, service, method, path):
        """What a path of a service answers, before a client makes of it what it should be."""
        headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential=emulated/20260101/{REGION}/{service}/aws4_request"}
        request = urllib.request.Request(self.emulator.endpoint + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()


class Stack:
    """The stack of one test."""

    def __init__(self, aws, folder: pathlib.Path, sam: str, built: pathlib.Path, gaps):
        self.aws, self.folder, self.sam = aws, folder, sam
        self.template = yaml.safe_load(built.read_text(encoding="utf-8"))
        for gap in gaps:
            gap.change(self.template, folder)
        self.functions, self.started = {}, 0
        for name, resource in self.template["Resources"].items():
            if resource["Type"] == "AWS::Serverless::Function":
                code = built.parent / resource["Properties"]["CodeUri"]
                if not (code / "bootstrap").is_file():
                    raise Failed(f"{code} holds no bootstrap: run `sam build` first")
                resource["Properties"]["CodeUri"] = str(code)
                self.functions[name] = resource

    def deploy(self, playbook: pathlib.Path):
        """Runs `sam deploy`, as the README does but for its questions; what it said."""
        for resource in self.template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::LayerVersion":
                resource["Properties"]["ContentUri"] = str(playbook.parent)
        file = self.folder / "template.json"
        file.write_text(json.dumps(self.template, indent=1), encoding="utf-8")
        command = [self.sam, "deploy", "--config-file", REPOSITORY / "infra" / "sam" / "samconfig.toml"]
        command += ["--template-file", file, "--stack-name", NAME, "--no-confirm-changeset", "--no-progressbar"]
        command += ["--parameter-overrides"]
        command += [f"{name}={value}" for name, value in PARAMETERS.items()]
        environment = self.aws.emulator.environment
        said = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=environment,
            timeout=DEPLOYS_WITHIN_SECONDS,
            check=False,
        )
        if said.returncode != 0:
            raise Failed(f"sam deploy ended with {said.returncode}:\n{said.stdout}\n{self._why()}")
        self._read()
        self._unpack_layer()
        return said.stdout

    def _why(self):
        """The resources that could not be made, and why."""
        try:
            events = self.aws("cloudformation").describe_stack_events(StackName=NAME)["StackEvents"]
        except Exception as error:  # The stack may not be there at all.
            return f"(no events: {error})"
        failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
        return "\n".join(f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}" for one in failed)

    def _read(self):
        formation = self.aws("cloudformation")
        described = formation.describe_stacks(StackName=NAME)["Stacks"][0]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in described["Outputs"]}
        pages = formation.get_paginator("list_stack_resources").paginate(StackName=NAME)
        listed = [one for page in pages for one in page["StackResourceSummaries"]]
        self.resources = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed}

    def deployed_functions(self):
        """Those that stand there, by their names in the template."""
        return {name: self.resources[name] for name in self.functions if name in self.resources}

    def versions(self):
        """Which version each function's alias `live` leads to."""
        ask = self.aws("lambda").get_alias
        names = self.deployed_functions()
        return {name: ask(FunctionName=physical, Name="live")["FunctionVersion"] for name, physical in names.items()}

    def _unpack_layer(self):
        """What Lambda would show its functions below /opt."""
        physical = self.resources["IngestEngagement"]
        layers = self.aws("lambda").get_function(FunctionName=physical, Qualifier="live")["Configuration"]["Layers"]
        for layer in layers:
            shown = self.aws("lambda").get_layer_version_by_arn(Arn=layer["Arn"])
            place = urllib.parse.urlsplit(shown["Content"]["Location"]).path
            with urllib.request.urlopen(self.aws.emulator.endpoint + place, timeout=30) as content:
                zipfile.ZipFile(io.BytesIO(content.read())).extractall(self.folder / "opt")

    def ask(self, url, method="GET", body=None, headers=None):
        """What is answered at an address of the stack: the emulator knows it by its host. Status and text."""
        place = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", self.aws.emulator.port, timeout=60)
        path = place.path + (f"?{place.query}" if place.query else "")
        connection.request(method, path, body=body, headers={**(headers or {}), "Host": place.netloc})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")

    def items(self, table):
        """Everything in a table, by its output's name."""
        pages = self.aws("dynamodb").get_paginator("scan").paginate(TableName=self.outputs[table])
        return [item for page in pages for item in page["Items"]]

    def waiting(self, queue):
        """The bodies of what lies in a queue, by its output's name."""
        ask = self.aws("sqs").receive_message
        found = ask(QueueUrl=self.outputs[queue], MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in found.get("Messages", [])]

    def depth(self, queue):
        """How many messages lie in a queue or are being worked on, by its name in the template; they are left alone."""
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.aws("sqs").get_queue_attributes(QueueUrl=self.resources[queue], AttributeNames=counts)
        return sum(int(found["Attributes"][name]) for name in counts)

    def start_job(self, function, event, scheduled_at):
        """Starts what a schedule of the template starts, once and now, as if it were that time."""
        name = self._schedule(f"{function}{event}")
        scheduler, group = self.aws("scheduler"), self.resources["Schedules"]
        schedule = scheduler.get_schedule(Name=name, GroupName=group)
        target = schedule["Target"]
        if not target["Arn"].endswith(":live"):
            raise Failed(f"the schedule {name} starts {target['Arn']}, which is not the alias")
        given = json.loads(target["Input"])
        self.started += 1
        target["Input"] = json.dumps(given | {"scheduled_at": scheduled_at})
        scheduler.create_schedule(
            Name=f"test-{self.started}-{given['job']}",
            GroupName=group,
            ScheduleExpression="at(2026-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target=target,
        )

    def _schedule(self, logical):
        # CloudFormation's id of a schedule is its name, in some places with its group before it.
        return self.resources[logical].rsplit("|", 1)[-1].rsplit("/", 1)[-1]
