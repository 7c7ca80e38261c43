#!/usr/bin/env python3
"""Deploys the built template to an AWS emulator and lets a customer become a lead there.

    sam build                                   # in infra/sam, with the playbook built before
    target/ministack/bin/python tests/deployed/run.py

A signed webhook goes to the deployed address; what must follow is an email to the rep, a reminder while nobody touches the lead,
and a nurture email to a contact, all of them in the emulator's SES. The commands of the RUNBOOK are tried by what they change: paused
mail waits, dead letters have their effect. Then the same again must change nothing, and a change of the playbook alone must publish
new versions. Functions run as they were built, by the Lambda Runtime API, without containers.

Needs Python 3.11 or later with ministack and aws-sam-translator (the gate's versions are in .ci/run). Listens on 127.0.0.1 only.
Exit codes: 0 all of it holds, 1 something does not, 2 wrong usage.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import gaps
import measure
from checks import expect, said, wait_for
from commands import Operator, dead_letters_come_back, doctor_sees_what_is_wrong, sender_is_checked
from emulator import Emulator, Failed
from playbook import CHANGED_TALK, NEW_TALK, OLD_TALK, REPOSITORY, Playbook
from stack import IDENTITY, KEYS, WEBHOOKS, Aws, Stack

SECRET = "whsec_" + "cGVyZW5uaWFsLWRlcGxveWVkLXRlc3Qtc2VjcmV0ISE="
REP = "anna.keller@fernhill.example.com"
READER = "tomas@acme.example.com"


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    with contextlib.ExitStack() as ending:
        if options.keep:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="perennial-deployed-"))
        else:
            folder = pathlib.Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="perennial-deployed-")))
        try:
            run(options, folder)
        except (Failed, subprocess.TimeoutExpired) as failed:
            print(f"\nFAILED after {time.monotonic() - began:.0f} s: {failed}", file=sys.stderr)
            show_log(folder)
            return 1
        print(f"\nAll of it holds, in {time.monotonic() - began:.0f} s.")
    return 0


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], epilog=__doc__.rsplit("\n", 2)[1], allow_abbrev=False
    )
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    built = REPOSITORY / "infra" / "sam" / ".aws-sam" / "build" / "template.yaml"
    sam = REPOSITORY / "target" / "sam" / "bin" / "sam"
    parser.add_argument("--template", type=pathlib.Path, default=built, help="the built template [%(default)s]")
    parser.add_argument("--sam", type=pathlib.Path, default=sam, help="the AWS SAM CLI [%(default)s]")
    parser.add_argument(
        "--perennial",
        type=pathlib.Path,
        default=target / "debug" / "perennial",
        help="builds the playbook and signs the webhooks [%(default)s]",
    )
    parser.add_argument("--measure", action="store_true", help="measure each function's cold start and memory, too")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the emulator's log and the template")
    options = parser.parse_args()
    for needed in (options.template, options.sam, options.perennial):
        if not needed.is_file():
            parser.error(f"{needed} is not there")
    # Called from other folders below.
    options.template, options.sam = options.template.resolve(), options.sam.absolute()
    options.perennial = options.perennial.resolve()
    return options


def run(options, folder):
    said("the playbook of the test is built")
    playbook = Playbook(folder / "playbook", options.perennial)
    with Emulator(folder) as emulator:
        aws = Aws(emulator)
        said(f"the emulator answers at {emulator.endpoint}")
        prepare(aws)
        known = gaps.known()
        stack = Stack(aws, folder, str(options.sam), options.template, known)
        stack.deploy(playbook.bundle)
        said(f"sam deploy: {len(stack.resources)} resources, {len(stack.deployed_functions())} functions")
        sender = Sender(stack, playbook, options.perennial)
        operator = Operator(stack, playbook, options.perennial)
        sender_is_checked(operator)
        webhook_becomes_mail(stack, sender)
        reminder_follows(stack)
        paused_mail_waits(stack, sender, operator)
        contact_is_written_to(stack, operator)
        bounce_is_recorded(stack)
        doctor_sees_what_is_wrong(operator)
        dead_letters_come_back(operator, bounce("gone@acme.example.com", "redriven"), lambda: suppressions(stack))
        same_again_changes_nothing(stack, playbook)
        playbook_alone_is_a_release(stack, playbook, sender)
        nothing_was_given_up(stack)
        if options.measure:
            measure.report(stack)
        gaps_are_still_there(aws, known)


def prepare(aws):
    """What the README has made by hand before the first deployment."""
    aws("sesv2").create_email_identity(EmailIdentity=IDENTITY)
    secrets = aws("secretsmanager")
    keys = {"LINK_KEY": "test-link-key-" + "l" * 32, "ADDRESS_KEY": "test-address-key-" + "a" * 32}
    secrets.create_secret(Name=KEYS, SecretString=json.dumps(keys))
    secrets.create_secret(Name=WEBHOOKS, SecretString=json.dumps({"native": SECRET}))


class Sender:
    """Who posts webhooks, signed by the `perennial` command as the README has it."""

    def __init__(self, stack, playbook, perennial):
        self.stack, self.playbook, self.perennial, self.sent = stack, playbook, perennial, 0
        self.url = stack.outputs["WebhookUrl"].replace("{source}", "native")

    def sign(self, kind, secret=SECRET, **data):
        """The headers and the body of a delivery."""
        self.sent += 1
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        body = json.dumps({"type": kind, "timestamp": now, "data": data}).encode()
        command = [self.perennial, "webhook", "sign", "--json", "--source", "native", "--url", self.url]
        command += ["--id", f"test-{self.sent}", "--playbook", self.playbook.source, "-"]
        environment = {**os.environ, "PERENNIAL_WEBHOOK_SECRET": secret}
        signed = subprocess.run(command, input=body, capture_output=True, env=environment, check=False)
        if signed.returncode != 0:
            raise Failed(f"perennial webhook sign: {signed.stderr.decode()}")
        return json.loads(signed.stdout)["headers"], body

    def post(self, headers, body):
        """The status of the answer, and what it says."""
        return self.stack.ask(self.url, "POST", body, headers)

    def send(self, kind, **data):
        """Posts an event that must be accepted; what was posted."""
        delivery = self.sign(kind, **data)
        expect(self.post(*delivery), (202, '{"status":"accepted"}\n'), f"the answer to {kind}")
        return delivery


def webhook_becomes_mail(stack, sender):
    """Somebody at a customer asks for a price; their account's rep hears of it at once."""
    account = {"account": "acme", "name": "Acme Logistics", "health": "good", "owner": "rep-anna", "region": "emea"}
    sender.send("account.updated", **account, customer_since="2025-01-05", owns={"automation": "2025-01-05"})
    ines = {"email": "ines@acme.example.com", "first_name": "Ines", "title": "VP Marketing", "role": "decision-maker"}
    sender.send("contact.identified", contact="ines", account="acme", **ines)
    sender.send("engagement.recorded", contact="ines", asset="analytics-guide", action="download")
    price = sender.send("engagement.recorded", contact="ines", asset="analytics-pricing", action="request")
    expect(sender.post(*price)[0], 200, "the answer to the same delivery again")
    forged = sender.sign("contact.identified", "whsec_" + "Zm9yZ2VkLXNlY3JldC1vZi1zb21lYm9keS1lbHNlISE=", contact="x")
    expect(sender.post(*forged)[0], 401, "the answer to a forged signature")
    mail = wait_for_mail(stack, REP, lambda mail: OLD_TALK in mail["BodyText"])
    told = {item["SK"]["S"] for item in stack.items("LedgerTableName")}
    expect(told, {f"native#test-{number}" for number in (1, 2, 3, 4)}, "what the ledger holds")
    leads = [item for item in stack.items("StateTableName") if item["SK"]["S"].startswith("LEAD#analytics#")]
    expect([lead["PK"]["S"] for lead in leads], ["CONTACT#ines"], "whose leads there are")
    said(f"webhook → lead → mail to the rep: “{mail['Subject']}”")


def reminder_follows(stack):
    """Nobody has touched the lead three days later."""
    before = len(stack.aws.emulator.mails())
    check = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)
    stack.start_job("EscalateSla", "Check", check.strftime("%Y-%m-%dT08:00:00Z"))
    mail = wait_for_mail(stack, REP, after=before)
    sent = [item["SK"]["S"] for item in stack.items("StateTableName") if "rung#analytics#" in item["SK"]["S"]]
    expect(len(sent), 1, f"how many mails of rungs the table knows ({sent})")
    said(f"SLA check → mail to the rep: “{mail['Subject']}”")


def paused_mail_waits(stack, sender, operator):
    """Somebody else there begins to read while mail to contacts is paused: it is decided that they get none."""
    why = "the landing page is down"
    expect(operator.run("pause", "--why", why), {"paused": True}, "the answer to a pause")
    tomas = {"email": READER, "first_name": "Tomas", "title": "Data Analyst", "role": "user"}
    sender.send("contact.identified", contact="tomas", account="acme", **tomas)
    sender.send("engagement.recorded", contact="tomas", asset="analytics-infographic", action="download")
    wait_for("the contact's first slot", lambda: cadence(stack, "tomas").get("due_at"))
    plan(stack)
    slot = wait_for("a decision on the contact's slot", lambda: slots(stack, "tomas"))[0]
    expect((slot["state"]["S"], slot["reason"]["S"]), ("WAITING", "sending is paused by hand"), "a slot while mail is paused")
    shown = operator.run("sending", "show")
    expect((shown["paused_by"], shown["paused_why"]), ("olga", why), "what the line says of the pause")
    seen = operator.screen()["mail to contacts"]
    expect((seen["state"], seen["seen"].rsplit(": ", 1)[1]), ("wrong", "by hand"), "what the doctor says of the pause")
    expect(mails_to(stack, READER), [], "mail to a contact while it is paused")
    said("pause → the contact's slot waits, and says why")


def contact_is_written_to(stack, operator):
    """The pause is over: the contact gets a note, and unsubscribes from it by its link."""
    expect(operator.run("resume"), {"resumed": True}, "the answer to a resumption")
    expect(operator.run("resume"), {"resumed": False}, "the answer to another one")
    # The next hour, in which what waits is looked at again, has come.
    now = datetime.datetime.now(datetime.timezone.utc)
    stack.aws("dynamodb").update_item(
        TableName=stack.outputs["StateTableName"],
        Key={"PK": {"S": "CONTACT#tomas"}, "SK": {"S": "CADENCE"}},
        UpdateExpression="SET due_at = :now",
        ExpressionAttributeValues={":now": {"N": str(int(now.timestamp()))}},
    )
    plan(stack)
    mail = wait_for_mail(stack, READER)
    links = re.findall(r"https://[^\s<>\"]+/u/[^\s<>\"]+", mail["BodyText"])
    if not links:
        raise Failed("the mail to the contact has no link to unsubscribe by")
    status, page = stack.ask(links[0])
    expect(status, 200, "the answer to the link in the mail")
    if "<form" not in page:
        raise Failed("the page behind the link asks nothing")
    body = b"List-Unsubscribe=One-Click"
    status, _ = stack.ask(links[0], "POST", body, {"Content-Type": "application/x-www-form-urlencoded"})
    expect(status, 200, "the answer to one click")
    said(f"resume → plan → mail to the contact: “{mail['Subject']}”, and unsubscribed by its link")


def bounce(address, message):
    """What SES says of an address that does not exist."""
    return {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": address}],
            "timestamp": "2026-01-05T09:00:00.000Z",
            "feedbackId": f"feedback-{message}",
        },
        "mail": {"timestamp": "2026-01-05T08:59:00.000Z", "messageId": message, "destination": [address], "tags": {}},
    }


def bounce_is_recorded(stack):
    """SES says on the topic that an address does not exist: it is not written to again."""
    before, told = suppressions(stack), json.dumps(bounce("nobody@acme.example.com", "published"))
    stack.aws("sns").publish(TopicArn=stack.resources["MailEventsTopic"], Message=told)
    wait_for("the suppression of a bounced address", lambda: suppressions(stack) - before)
    said("bounce on the topic → queue → suppression")


def same_again_changes_nothing(stack, playbook):
    """A second deployment of the same is none."""
    before = stack.versions()
    answer = stack.deploy(playbook.bundle)
    expect(stack.versions(), before, "the versions after the same deployment again")
    if "No changes to deploy" not in answer:
        raise Failed(f"sam deploy saw changes where there are none:\n{answer}")
    said("the same deployment again: no changes")


def playbook_alone_is_a_release(stack, playbook, sender):
    """Without a change in Rust every function gets a version with the new layer, and its alias leads there."""
    before, code = stack.versions(), code_hashes(stack)
    playbook.change(CHANGED_TALK)
    stack.deploy(playbook.bundle)
    after = stack.versions()
    expect(code_hashes(stack), code, "the functions' code")
    stayed = sorted(name for name in before if int(after[name]) <= int(before[name]))
    expect(stayed, [], "functions whose alias did not move with the playbook")
    jo = {"email": "jo@acme.example.com", "first_name": "Jo", "title": "COO", "role": "executive"}
    sender.send("contact.identified", contact="jo", account="acme", **jo)
    sender.send("engagement.recorded", contact="jo", asset="analytics-pricing", action="request")
    wait_for_mail(stack, REP, lambda mail: NEW_TALK in mail["BodyText"])
    said(f"the playbook alone: {len(after)} new versions, aliases moved, and the next mail says what is new")


def nothing_was_given_up(stack):
    """No dead-letter queue holds a message, but of schedules whose input the emulator left as it was."""
    for name in sorted(name for name in stack.outputs if name.endswith("QueueUrl") and name != "MailQueueUrl"):
        found = [body for body in stack.waiting(name) if "<aws.scheduler.scheduled-time>" not in body]
        expect(found, [], f"what lies in {name.removesuffix('Url')}")
    said("no dead letter")


def gaps_are_still_there(aws, known):
    """The list of what the emulator cannot do is true."""
    for gap in known:
        if not gap.still(aws):
            raise Failed(f"the emulator can do it now, take it from tests/deployed/gaps.py: {gap.name}")
        said(f"left out: {gap.name}; instead {gap.instead}")


def code_hashes(stack):
    ask = stack.aws("lambda").get_function_configuration
    names = stack.deployed_functions()
    return {name: ask(FunctionName=physical, Qualifier="live")["CodeSha256"] for name, physical in names.items()}


def plan(stack):
    """Runs the hourly plan, a second from now."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    stack.start_job("PlanNurture", "Plan", now.strftime("%Y-%m-%dT%H:%M:%SZ"))


def slots(stack, contact):
    """What was decided for a contact, slot by slot."""
    items = (item for item in stack.items("StateTableName") if item["PK"]["S"] == f"CONTACT#{contact}")
    return [item for item in items if item["SK"]["S"].startswith("SLOT#")]


def mails_to(stack, address):
    return [mail for mail in stack.aws.emulator.mails() if address in " ".join(mail["To"])]


def suppressions(stack):
    return {item["PK"]["S"] for item in stack.items("StateTableName") if item["SK"]["S"] == "SUPPRESSION"}


def cadence(stack, contact):
    for item in stack.items("StateTableName"):
        if item["PK"]["S"] == f"CONTACT#{contact}" and item["SK"]["S"] == "CADENCE":
            return item
    return {}


def wait_for_mail(stack, address, which=lambda mail: True, after=0):
    """The first mail to an address that SES took, after so many others."""

    def found():
        mails = stack.aws.emulator.mails()[after:]
        return next((mail for mail in mails if address in " ".join(mail["To"]) and which(mail)), None)

    return wait_for(f"a mail to {address}", found)


def show_log(folder):
    """What the functions and the emulator said last."""
    log = folder / "emulator.log"
    if log.is_file():
        lines = [line for line in log.read_text("utf-8", "replace").splitlines() if '"GET ' not in line]
        print("\n".join(["the emulator's last words:", *(line[:400] for line in lines[-40:])]), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
