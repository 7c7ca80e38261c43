"""What the emulator cannot do, by name: each with what this test does instead, and a probe that asks the emulator itself.

Owns the only differences between the built template and the one that is deployed. A gap that the emulator has closed fails the
test until it is taken from this list, so the list cannot rot.
"""

import io
import json
import textwrap
import time
import zipfile
from dataclasses import dataclass
from typing import Callable

from botocore.exceptions import WaiterError

from emulator import ACCOUNT, REGION

ROLE = f"arn:aws:iam::{ACCOUNT}:role/probe"
STACK = "probe"


@dataclass
class Gap:
    """One thing that the emulator cannot do."""

    name: str
    # What the test does instead.
    instead: str
    # Whether the emulator still cannot do it.
    still: Callable
    # How the template is changed for it, if it is.
    change: Callable = lambda template, folder: None


def known():
    """All gaps, with MiniStack 1.5.33."""
    return [
        Gap(
            "layers of provided.al2023 are not unpacked into /opt when functions run without a container",
            "the test unpacks what the published layer holds, and PLAYBOOK points there",
            layers_are_not_unpacked,
            playbook_in_folder,
        ),
        Gap(
            "a number parameter reaches ScalingConfig.MaximumConcurrency as text, and the poller of queues stops at it",
            "its default is written there as a number",
            numbers_stay_text,
            literal_concurrency,
        ),
        Gap(
            "an HTTP API has no routes from its definition",
            "the edge is Edge=function-url",
            api_has_no_routes,
        ),
        Gap(
            "<aws.scheduler.scheduled-time> in the input of a schedule is not filled in",
            "schedules are started once, by a schedule of the test with the same target and a time of its own",
            scheduled_time_stays_words,
        ),
        Gap(
            "SES does not publish what became of a mail to the event destinations of a configuration set",
            "the test publishes a bounce to the topic, in the words of SES",
            events_are_not_published,
        ),
        Gap(
            "CloudFormation makes no alarm on what several metrics come to together",
            "such an alarm looks at the first of them",
            sums_are_refused,
            first_of_a_sum,
        ),
        Gap(
            "a table of a stack is made without the point-in-time recovery that its template asks for",
            "the doctor says so, and the test turns it on",
            recovery_is_left_out,
        ),
    ]


def playbook_in_folder(template, folder):
    """PLAYBOOK points into a folder that the test fills from the layer."""
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    variables["PLAYBOOK"] = variables["PLAYBOOK"].replace("/opt/", f"{folder}/opt/")


def literal_concurrency(template, _folder):
    """References to number parameters in ScalingConfig become the parameters' defaults."""
    for resource in template["Resources"].values():
        for event in (resource["Properties"].get("Events") or {}).values():
            scaling = event["Properties"].get("ScalingConfig")
            if scaling:
                parameter = scaling["MaximumConcurrency"]["Ref"]
                scaling["MaximumConcurrency"] = int(template["Parameters"][parameter]["Default"])


def first_of_a_sum(template, _folder):
    """An alarm on several metrics is one on the metric that stands first."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
            alarm = resource["Properties"]
            first = next(one["MetricStat"] for one in alarm.pop("Metrics") if "MetricStat" in one)
            alarm |= first["Metric"] | {"Period": first["Period"], "Statistic": first["Stat"]}


def layers_are_not_unpacked(aws):
    """A function that lists /opt does not see what is in its layer."""
    bootstrap = textwrap.dedent(
        """\
        #!/usr/bin/env python3
        import json, os, urllib.request
        api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
        while True:
            with urllib.request.urlopen(api + "next") as event:
                request = event.headers["Lambda-Runtime-Aws-Request-Id"]
            seen = json.dumps(os.path.exists("/opt/perennial-probe")).encode()
            urllib.request.urlopen(urllib.request.Request(api + request + "/response", data=seen))
        """
    )
    layer = aws("lambda").publish_layer_version(
        LayerName="probe", Content={"ZipFile": zipped("perennial-probe", "here")}
    )
    aws("lambda").create_function(
        FunctionName="probe",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=ROLE,
        Code={"ZipFile": zipped("bootstrap", bootstrap)},
        Layers=[layer["LayerVersionArn"]],
    )
    seen = aws("lambda").invoke(FunctionName="probe")["Payload"].read()
    return json.loads(seen) is False


def numbers_stay_text(aws):
    """What CloudFormation gave the event source mapping is a text."""
    template = {
        "Parameters": {"Most": {"Type": "Number", "Default": 2}},
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                    "FunctionName": "probe",
                    "ScalingConfig": {"MaximumConcurrency": {"Ref": "Most"}},
                },
            },
        },
    }
    with Probe(aws, template) as probe:
        mapping = probe.resources["Mapping"]
        answer = aws.text("lambda", "GET", f"/2015-03-31/event-source-mappings/{mapping}")
        return json.loads(answer)["ScalingConfig"]["MaximumConcurrency"] == "2"


def api_has_no_routes(aws):
    """An API that is defined by OpenAPI knows none of its routes."""
    definition = {
        "openapi": "3.0.1",
        "paths": {
            "/probe": {
                "get": {
                    "x-amazon-apigateway-integration": {
                        "type": "http_proxy",
                        "httpMethod": "GET",
                        "uri": "https://example.com",
                        "payloadFormatVersion": "1.0",
                    }
                }
            }
        },
    }
    template = {"Resources": {"Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": definition}}}}
    with Probe(aws, template) as probe:
        return not aws("apigatewayv2").get_routes(ApiId=probe.resources["Api"])["Items"]


def scheduled_time_stays_words(aws):
    """A schedule that is due at once brings its input to a queue word for word."""
    queue = aws("sqs").create_queue(QueueName="probe-schedule")["QueueUrl"]
    aws("scheduler").create_schedule(
        Name="probe",
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:probe-schedule",
            "RoleArn": ROLE,
            "Input": '{"at":"<aws.scheduler.scheduled-time>"}',
        },
    )
    body = received(aws, queue, 30)
    return body is not None and "<aws.scheduler.scheduled-time>" in body


def events_are_not_published(aws):
    """A mail that is sent with a configuration set is told of to nobody."""
    topic = aws("sns").create_topic(Name="probe-mail")["TopicArn"]
    queue = aws("sqs").create_queue(QueueName="probe-mail")["QueueUrl"]
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:probe-mail")
    mail = aws("sesv2")
    mail.create_email_identity(EmailIdentity="probe.example.com")
    mail.create_configuration_set(ConfigurationSetName="probe")
    mail.create_configuration_set_event_destination(
        ConfigurationSetName="probe",
        EventDestinationName="probe",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["SEND", "DELIVERY"],
            "SnsDestination": {"TopicArn": topic},
        },
    )
    mail.send_email(
        FromEmailAddress="probe@probe.example.com",
        Destination={"ToAddresses": ["success@simulator.example.com"]},
        ConfigurationSetName="probe",
        Content={"Simple": {"Subject": {"Data": "probe"}, "Body": {"Text": {"Data": "probe"}}}},
    )
    return received(aws, queue, 3) is None


def sums_are_refused(aws):
    """A stack with an alarm on the sum of two metrics is not made."""
    errors = {"Namespace": "AWS/Lambda", "MetricName": "Errors"}
    metrics = [
        {"Id": name, "ReturnData": False, "MetricStat": {"Metric": errors, "Period": 300, "Stat": "Sum"}}
        for name in ("one", "other")
    ]
    alarm = {
        "Metrics": [{"Id": "sum", "Expression": "one + other"}, *metrics],
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}}}
    probe = Probe(aws, template)
    try:
        with probe:
            return False
    except WaiterError:
        probe.__exit__()
        return True


def recovery_is_left_out(aws):
    """A table whose template asks for it cannot be restored to a point in time."""
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        },
    }
    with Probe(aws, {"Resources": {"Table": table}}) as probe:
        described = aws("dynamodb").describe_continuous_backups(TableName=probe.resources["Table"])
        recovery = described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        return recovery["PointInTimeRecoveryStatus"] == "DISABLED"


def received(aws, queue, seconds):
    """The body of a message that comes within so many seconds, or None."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        messages = aws("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
        if messages:
            return messages[0]["Body"]
    return None


def zipped(name, text):
    """A zip archive of one file, which may be run."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o755 << 16
        file.writestr(entry, text)
    return archive.getvalue()


class Probe:
    """A stack of its own, for as long as a question takes."""

    def __init__(self, aws, template):
        self.formation, self.template = aws("cloudformation"), template

    def __enter__(self):
        self.formation.create_stack(StackName=STACK, TemplateBody=json.dumps(self.template))
        self.formation.get_waiter("stack_create_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        listed = self.formation.describe_stack_resources(StackName=STACK)["StackResources"]
        self.resources = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed}
        return self

    def __exit__(self, *_):
        self.formation.delete_stack(StackName=STACK)
        self.formation.get_waiter("stack_delete_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
