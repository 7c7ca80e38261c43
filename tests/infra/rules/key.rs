//! The key of the standard profile: that it is there, who may use it, and that it stays as long as what it has encrypted.

use serde_json::{Value, json};

use super::Found;
use super::queues::{names_only, statements};
use crate::sam::Template;

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    let keys: Vec<(&str, &Value)> = template.all("AWS::KMS::Key").collect();
    let wanted = usize::from(template.standard());
    found.must("DataKey", keys.len() == wanted, format_args!("there are {} keys, not {wanted}", keys.len()));
    for (id, key) in keys {
        let resource = &template.resources[id];
        found.is(id, resource, "/DeletionPolicy", "Retain");
        found.is(id, resource, "/UpdateReplacePolicy", "Retain");
        found.is(id, key, "/EnableKeyRotation", true);
        found.is(id, key, "/KeyPolicy/Version", "2012-10-17");
        let allowed: Vec<Value> =
            statements(&json!({"PolicyDocument": key["KeyPolicy"]})).iter().map(names_only).collect();
        let expected = [account(), logs(), queues(), topics()];
        found.must(id, allowed == expected, format_args!("{} may use it, not {}", json!(allowed), json!(expected)));
    }
    found.all()
}

fn allow(principal: Value, actions: Value, condition: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*", "Condition": condition})
}

/// Roles use it by their own policies, and operators by theirs.
fn account() -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": "iam::AWS::AccountId:root"}, "Action": "kms:*",
        "Resource": "*"})
}

fn logs() -> Value {
    let actions = json!(["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]);
    let groups = ["logs:log-group:/aws/lambda/perennial-Stage-*", "logs:log-group:/aws/vendedlogs/perennial-Stage-*"];
    let condition = json!({"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}});
    allow(json!({"Service": "logs.AWS::Region.amazonaws.com"}), actions, &condition)
}

fn queues() -> Value {
    let services = json!({"Service": ["events.amazonaws.com", "sns.amazonaws.com"]});
    let condition = json!({"ArnLike": {"kms:EncryptionContext:aws:sqs:arn": "sqs:*"}});
    allow(services, json!(["kms:Decrypt", "kms:GenerateDataKey"]), &condition)
}

fn topics() -> Value {
    let services = json!({"Service": ["cloudwatch.amazonaws.com", "ses.amazonaws.com"]});
    let condition = json!({"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": "sns:*"}});
    allow(services, json!(["kms:Decrypt", "kms:GenerateDataKey"]), &condition)
}
