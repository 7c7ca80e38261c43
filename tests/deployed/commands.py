"""The commands of the RUNBOOK, as an operator runs them: `perennial … --stack NAME`, against the stack on the emulator.

Each is judged by what it changes, not by what it prints alone: dead letters have their effect, alarms that were silenced are named.
Mail that is paused is looked at where mail is sent, in run.py.
"""

import datetime
import json
import subprocess

from checks import expect, said, wait_for
from emulator import Failed
from stack import IDENTITY, NAME

COMMAND_WITHIN_SECONDS = 60
# No name server: what a domain publishes is nobody's business here, and a check that hears nothing must say so.
NOBODY = "127.0.0.1:1"


class Operator:
    """Who runs commands, from a machine that knows the emulator and the playbook."""

    def __init__(self, stack, playbook, perennial):
        self.stack, self.playbook, self.perennial = stack, playbook, perennial

    def run(self, *arguments, code=0):
        """What a command prints as JSON; it must end with this exit code."""
        command = [self.perennial, *arguments, "--json", "--stack", NAME, "--playbook", self.playbook.source]
        environment = {**self.stack.aws.emulator.environment, "USER": "olga"}
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            timeout=COMMAND_WITHIN_SECONDS,
            check=False,
        )
        if ended.returncode != code:
            shown = f"{ended.stdout}{ended.stderr}"
            raise Failed(f"perennial {' '.join(arguments)} ended with {ended.returncode}, not {code}:\n{shown}")
        return json.loads(ended.stdout)

    def screen(self):
        """The doctor's lines by what they are about. Somebody is needed: the emulator knows no figures, so no job has ended well."""
        return {line["about"]: line for line in self.run("doctor", code=1)["lines"]}


def sender_is_checked(operator):
    """What SES knows is told, what DNS does not is not taken for missing, and nothing is approved."""
    found = operator.run("ses", "check", "--approve", "--resolver", NOBODY, code=1)
    states = {finding["check"]: finding["state"] for finding in found["findings"]}
    expect((states["identity"], states["configuration set"]), ("ok", "ok"), f"what the check finds of {IDENTITY}")
    expect(states["DMARC"], "unknown", "what the check finds where no name server answers")
    expect(found["approved"], None, "what was approved of a sender that is not in order")
    line = [item for item in operator.stack.items("StateTableName") if item["PK"]["S"] == "SENDING"]
    expect([item for item in line if "approved_domain" in item], [], "what the table knows of an approval")
    said("ses check: the identity is the role's, and a silent name server approves nothing")


def doctor_sees_what_is_wrong(operator):
    """Tables that cannot be restored, an alarm that tells nobody, one that was deleted, and a topic that nobody listens to."""
    stack, screen = operator.stack, operator.screen()
    tables = ["LedgerTable", "StateTable"]
    unprotected = "protected from deletion: true, recoverable: false"
    expect([screen[table]["seen"] for table in tables], [unprotected] * 2, "what the doctor says of tables without recovery")
    for table in tables:
        stack.aws("dynamodb").update_continuous_backups(
            TableName=stack.resources[table], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    screen = operator.screen()
    unread = sorted(about for about, line in screen.items() if line["state"] == "unknown")
    expect(unread, [], "what the doctor could not read")
    in_order = ["stack", "alarms", "who is told of alarms", *tables, "KeySecretName", "WebhookSecretName"]
    expect([screen[about]["state"] for about in in_order], ["ok"] * len(in_order), f"the lines {in_order}")

    cloudwatch, sns, topic = stack.aws("cloudwatch"), stack.aws("sns"), stack.resources["AlarmTopic"]
    silenced, deleted = stack.resources["MailAgeAlarm"], stack.resources["OutboxAgeAlarm"]
    cloudwatch.disable_alarm_actions(AlarmNames=[silenced])
    gone = cloudwatch.describe_alarms(AlarmNames=[deleted])["MetricAlarms"][0]
    cloudwatch.delete_alarms(AlarmNames=[deleted])
    listening = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    for one in listening:
        sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    screen = operator.screen()
    seen = {about: screen[about]["seen"] for about in ("MailAgeAlarm", "OutboxAgeAlarm", "who is told of alarms")}
    wanted = {
        "MailAgeAlarm": "tells nobody: its actions are disabled",
        "OutboxAgeAlarm": "was deleted",
        "who is told of alarms": "nobody",
    }
    expect(seen, wanted, "what the doctor says of alarms that tell nobody")

    cloudwatch.enable_alarm_actions(AlarmNames=[silenced])
    known = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    cloudwatch.put_metric_alarm(**{name: value for name, value in gone.items() if name in known and value})
    for one in listening:
        sns.subscribe(TopicArn=topic, Protocol=one["Protocol"], Endpoint=one["Endpoint"])
    screen = operator.screen()
    mended = [screen[about]["state"] for about in ("alarms", "who is told of alarms")]
    expect(mended, ["ok", "ok"], "the lines of what was mended")
    said(f"doctor: {len(screen)} lines, and what was silenced, deleted and unsubscribed among them")


def dead_letters_come_back(operator, bounce, suppressed):
    """A bounce that could not be recorded is recorded after all; a tick is taken away; what the stream brings again counts once."""
    stack = operator.stack
    sqs, before = stack.aws("sqs"), suppressed()
    sqs.send_message(QueueUrl=stack.outputs["MailEventsDeadLetterQueueUrl"], MessageBody=json.dumps(bounce))
    tick = {"job": "sweep", "scheduled_at": "2026-01-05T09:00:00Z"}
    sqs.send_message(QueueUrl=stack.outputs["TriggerDeadLetterQueueUrl"], MessageBody=json.dumps(tick))
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    ledger = stack.resources["LedgerTable"]
    pointer = {
        "streamArn": f"arn:aws:dynamodb:eu-central-1:000000000000:table/{ledger}/stream/2026-01-01T00:00:00.000",
        "approximateArrivalOfFirstRecord": now,
        "approximateArrivalOfLastRecord": now,
    }
    given_up = json.dumps({"DDBStreamBatchInfo": pointer})
    sqs.send_message(QueueUrl=stack.outputs["StreamFailuresQueueUrl"], MessageBody=given_up)
    facts, writes = interests(stack), interests(stack, written=True)

    screen = operator.screen()
    expect(screen["MailEventsDeadLetterQueue"]["state"], "wrong", "what the doctor says of a dead letter")
    would = {message["queue"]: message["what"] for message in operator.run("redrive")["messages"]}
    expect(would["MailEventsDeadLetterQueue"], "goes back to MailEventsQueue", "what a redrive would do with a bounce")
    expect(suppressed(), before, "who is suppressed after a redrive that only says what it would do")

    done = operator.run("redrive", "--yes")
    expect({message["fate"] for message in done["messages"]}, {"redriven"}, f"what became of {done['messages']}")
    wait_for("the suppression of an address whose bounce was redriven", lambda: suppressed() - before)
    expect(operator.run("redrive")["messages"], [], "the dead letters after a redrive")
    again = [item for item in stack.items("LedgerTableName") if "told_at" in item]
    if not again:
        raise Failed("a redrive of the stream has touched no entry of the ledger")
    wait_for("the mail events' queue to be empty", lambda: not stack.depth("MailEventsQueue"))
    of_them = told_of(again, facts)
    if not of_them:
        raise Failed("no entry that was told again is a fact of an interest")

    def all_written():
        now = interests(stack, written=True)
        return all(now.get(key) != writes[key] for key in of_them)

    wait_for("every interest whose entries were told again to be written once more", all_written)
    expect(interests(stack), facts, "facts after the ledger has told them again")
    said(f"redrive: a bounce, a tick, and {len(again)} entries, of {len(of_them)} interests, that counted once")


def told_of(entries, facts):
    """The interests, by their keys, that have facts which entries of the ledger tell."""
    told = {(one["PK"]["S"], fact(one["told"]["M"])) for one in entries if one["kind"]["S"] == "engagement"}
    return {(pk, sk) for (pk, sk), names in facts.items() if any((pk, name) in told for name in names)}


def fact(engagement):
    """The attribute of an interest that an engagement is a fact of."""
    email = f"@{engagement['email']['S']}" if "email" in engagement else ""
    return f"f:{engagement['asset']['S']}/{engagement['action']['S']}{email}"


def interests(stack, written=False):
    """The facts of every interest; or how often each was written."""
    items = [item for item in stack.items("StateTableName") if item["SK"]["S"].startswith("INTEREST#")]
    if written:
        return {(item["PK"]["S"], item["SK"]["S"]): item["rev"]["N"] for item in items}
    return {
        (item["PK"]["S"], item["SK"]["S"]): {name: sorted(value["NS"]) for name, value in item.items() if "NS" in value}
        for item in items
    }
