//! Templates: what is read, and what is refused by name.

use std::collections::BTreeMap;

use serde_json::json;

use crate::template::{Rule, StreamTrigger, Target, Trigger, Wiring};

/// One trigger of each kind, with the short tags in every position that CloudFormation allows.
pub(crate) const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  TeamTimeZone: { Type: String, Default: Europe/Berlin }
  Stage: { Type: String, Default: prod }
Conditions:
  IsProduction: !Equals [!Ref Stage, prod]
  IsTest: !Not [!Condition IsProduction]
Globals:
  Function:
    Environment:
      Variables: { LEDGER_TABLE: !Ref LedgerTable }
Resources:
  LedgerTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - { AttributeName: PK, AttributeType: S }
        - { AttributeName: SK, AttributeType: S }
        - { AttributeName: due_shard, AttributeType: S }
        - { AttributeName: due_at, AttributeType: N }
      KeySchema:
        - { AttributeName: PK, KeyType: HASH }
        - { AttributeName: SK, KeyType: RANGE }
      GlobalSecondaryIndexes:
        - IndexName: due
          KeySchema:
            - { AttributeName: due_shard, KeyType: HASH }
            - { AttributeName: due_at, KeyType: RANGE }
          Projection: { ProjectionType: KEYS_ONLY }
      StreamSpecification: { StreamViewType: NEW_IMAGE }
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
  EventBus:
    Type: AWS::Events::EventBus
    Properties: { Name: !Sub "perennial-${Stage}" }
  MailQueue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 180
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt MailDeadLetterQueue.Arn
        maxReceiveCount: 2
  MailDeadLetterQueue: { Type: AWS::SQS::Queue }
  StreamFailuresQueue: { Type: AWS::SQS::Queue }
  OnlyInTests:
    Type: AWS::SQS::Queue
    Condition: IsTest
  IngestEngagement:
    Type: AWS::Serverless::Function
    Properties:
      Environment: { Variables: { MAIL_QUEUE_URL: !Ref MailQueue } }
      Events:
        Webhook:
          Type: HttpApi
          Properties: { Method: post, Path: "/v1/webhooks/{source}" }
  ScoreAndDecay:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Engagements:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt LedgerTable.StreamArn
            StartingPosition: TRIM_HORIZON
            BatchSize: 100
            BisectBatchOnFunctionError: true
            MaximumRetryAttempts: 2
            FunctionResponseTypes: [ReportBatchItemFailures]
            DestinationConfig: { OnFailure: { Destination: !GetAtt StreamFailuresQueue.Arn } }
            FilterCriteria:
              Filters:
                - Pattern: '{"dynamodb":{"NewImage":{"kind":{"S":["engagement"]}}}}'
        Decay:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: cron(0 9 ? * MON *)
            ScheduleExpressionTimezone: !Ref TeamTimeZone
            Input: '{"job":"decay","scheduled_at":"<aws.scheduler.scheduled-time>"}'
        Sweep:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: rate(5 minutes)
            Input: '{"job":"sweep","scheduled_at":"<aws.scheduler.scheduled-time>"}'
  QualifyMql:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Reached:
          Type: EventBridgeRule
          Properties:
            EventBusName: !Ref EventBus
            Pattern:
              source: [perennial]
              detail-type: [ThresholdReached]
  SendNurtureEmail:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Mail:
          Type: SQS
          Properties:
            Queue: !GetAtt MailQueue.Arn
            BatchSize: 10
            FunctionResponseTypes:
              - ReportBatchItemFailures
  HandOffRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref EventBus
      EventPattern:
        detail-type: [LeadQualified]
        detail: { priority: [act-now] }
      Targets:
        - Id: mail
          Arn: !Sub "${MailQueue.Arn}"
"#;

fn function<'a>(wiring: &'a Wiring, name: &str) -> &'a [Trigger] {
    let function = wiring.functions.iter().find(|function| function.logical_id == name);
    &function.unwrap().triggers
}

#[test]
fn every_kind_of_trigger_is_read() {
    let wiring = Wiring::parse(TEMPLATE).unwrap();

    let ledger = &wiring.tables[0];
    assert_eq!((ledger.logical_id.as_str(), ledger.hash_key.as_str()), ("LedgerTable", "PK"));
    assert_eq!(ledger.range_key.as_deref(), Some("SK"));
    assert_eq!(ledger.indexes, ["due"]);
    assert_eq!((ledger.stream.as_deref(), ledger.ttl.as_deref()), (Some("NEW_IMAGE"), Some("expires_at")));

    let queues: Vec<&str> = wiring.queues.iter().map(|queue| queue.logical_id.as_str()).collect();
    assert_eq!(queues, ["MailQueue", "MailDeadLetterQueue", "StreamFailuresQueue"]);
    assert_eq!(wiring.queues[0].visibility_seconds, 180);
    assert_eq!(wiring.queues[0].redrive.as_ref().unwrap().dead_letter, "MailDeadLetterQueue");

    assert_eq!(
        function(&wiring, "IngestEngagement"),
        [Trigger::Http { method: "POST".into(), path: "/v1/webhooks/{source}".into(), authorizer: None }]
    );
    assert_eq!(
        wiring.functions[0].environment,
        BTreeMap::from([
            ("LEDGER_TABLE".to_owned(), json!("LedgerTable")),
            ("MAIL_QUEUE_URL".to_owned(), json!("MailQueue")),
        ])
    );
    assert_eq!(
        function(&wiring, "ScoreAndDecay")[..2],
        [
            Trigger::Stream(StreamTrigger {
                table: "LedgerTable".into(),
                filters: vec![json!({"dynamodb": {"NewImage": {"kind": {"S": ["engagement"]}}}})],
                batch_size: 100,
                report_item_failures: true,
                bisect: true,
                retries: 2,
                on_failure: Some("StreamFailuresQueue".into()),
            }),
            Trigger::Schedule {
                name: "Decay".into(),
                expression: "cron(0 9 ? * MON *)".into(),
                time_zone: "Europe/Berlin".into(),
                input: r#"{"job":"decay","scheduled_at":"<aws.scheduler.scheduled-time>"}"#.into(),
            },
        ]
    );
    assert_eq!(
        function(&wiring, "SendNurtureEmail"),
        [Trigger::Queue { queue: "MailQueue".into(), batch_size: 10, report_item_failures: true }]
    );
    assert_eq!(
        wiring.rules,
        [
            Rule {
                name: "QualifyMql.Reached".into(),
                event_bus: Some("EventBus".into()),
                pattern: json!({"source": ["perennial"], "detail-type": ["ThresholdReached"]}),
                target: Target::Function("QualifyMql".into()),
            },
            Rule {
                name: "HandOffRule".into(),
                event_bus: Some("EventBus".into()),
                pattern: json!({"detail-type": ["LeadQualified"], "detail": {"priority": ["act-now"]}}),
                target: Target::Queue("MailQueue".into()),
            },
        ]
    );
}

#[test]
fn parameters_can_be_given() {
    let parameters = BTreeMap::from([
        ("TeamTimeZone".to_owned(), "America/New_York".to_owned()),
        ("Stage".to_owned(), "test".to_owned()),
    ]);
    let wiring = Wiring::parse_with(TEMPLATE, &parameters).unwrap();
    assert!(matches!(
        &function(&wiring, "ScoreAndDecay")[1],
        Trigger::Schedule { time_zone, .. } if time_zone == "America/New_York"
    ));
    assert!(wiring.queues.iter().any(|queue| queue.logical_id == "OnlyInTests"), "its condition holds now");

    let unknown = BTreeMap::from([("TimeZone".to_owned(), "UTC".to_owned())]);
    assert_eq!(
        Wiring::parse_with(TEMPLATE, &unknown).unwrap_err().to_string(),
        "template: there is no parameter `TimeZone`"
    );
}

#[test]
fn what_cannot_run_here_is_refused_by_name() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(TEMPLATE.contains(from), "{from}");
        let error = Wiring::parse(&TEMPLATE.replace(from, to)).unwrap_err().to_string();
        assert_eq!(error, expected);
    };
    check("Type: HttpApi", "Type: Api", "IngestEngagement.Webhook: an event of type `Api` is not implemented here");
    check(
        r#"{ Method: post, Path: "/v1/webhooks/{source}" }"#,
        r#"{ Method: post, Path: "/v1/webhooks/{source}", Auth: { Authorizer: Nobody } }"#,
        r#"IngestEngagement.Webhook: "Nobody" is not an authorizer of this template that checks tokens"#,
    );
    check(
        "Stream: !GetAtt LedgerTable.StreamArn",
        "Stream: !GetAtt JournalTable.StreamArn",
        r#"ScoreAndDecay.Engagements: {"Fn::GetAtt":["JournalTable","StreamArn"]} is not a table of this template"#,
    );
    check(
        "      StreamSpecification: { StreamViewType: NEW_IMAGE }\n",
        "",
        "ScoreAndDecay.Engagements: the table LedgerTable has no stream",
    );
    check(
        "            MaximumRetryAttempts: 2\n",
        "",
        "ScoreAndDecay.Engagements: `MaximumRetryAttempts` must be set to a finite number",
    );
    check(
        "Queue: !GetAtt MailQueue.Arn",
        "Queue: arn:aws:sqs:eu-central-1:1:Elsewhere",
        r#"SendNurtureEmail.Mail: "arn:aws:sqs:eu-central-1:1:Elsewhere" is not a queue of this template"#,
    );
    check(
        "Arn: !Sub \"${MailQueue.Arn}\"",
        "Arn: !GetAtt Nobody.Arn",
        r#"HandOffRule: the target {"Fn::GetAtt":["Nobody","Arn"]} is not a function or queue of this template"#,
    );
    check(
        "priority: [act-now]",
        "priority: [{wildcard: act-*}]",
        "HandOffRule: pattern field `detail.priority`: the operator `wildcard` is not implemented here",
    );
    check(
        "cron(0 9 ? * MON *)",
        "cron(0 9 * * MON *)",
        "ScoreAndDecay.Decay: schedule `cron(0 9 * * MON *)`: exactly one of day-of-month and day-of-week must be `?`",
    );
    check(
        "Default: Europe/Berlin",
        "Default: Europe/Atlantis",
        "ScoreAndDecay.Decay: schedule `cron(0 9 ? * MON *)`: the time zone `Europe/Atlantis` is not known",
    );
    check(
        "MailDeadLetterQueue: { Type: AWS::SQS::Queue }",
        "MailDeadLetterQueue: { Type: AWS::Pipes::Pipe }",
        r#"MailQueue: "MailDeadLetterQueue" is not a queue of this template"#,
    );
    check(
        "StreamFailuresQueue: { Type: AWS::SQS::Queue }",
        "StreamFailuresQueue: { Type: AWS::SQS::Queue }\n  Pipe: { Type: AWS::Pipes::Pipe }",
        "Pipe: AWS::Pipes::Pipe is not implemented here; use an event of the function",
    );
}

/// An API whose routes stand in its own definition, and a function URL. `[...]` is replaced.
const EDGE: &str = r##"
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody:
        openapi: 3.0.1
        paths:
          "/u/{token}":
            parameters: [{ name: token, in: path, required: true }]
            get: { x-amazon-apigateway-integration: { $ref: "#/components/x-amazon-apigateway-integrations/Pages" } }
            x-amazon-apigateway-any-method:
              x-amazon-apigateway-integration: { $ref: "#/components/x-amazon-apigateway-integrations/Pages" }
        components:
          x-amazon-apigateway-integrations:
            Pages:
              type: aws_proxy
              httpMethod: POST
              payloadFormatVersion: "2.0"
              uri: !Sub "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Pages.Arn}:live/invocations"
  ApiCallsPages:
    Type: AWS::Lambda::Permission
    Properties: { Action: lambda:InvokeFunction, Principal: apigateway.amazonaws.com, FunctionName: !Sub "${Pages.Alias}" }
  PagesUrl:
    Type: AWS::Lambda::Url
    Properties: { AuthType: NONE, TargetFunctionArn: !Sub "${Pages.Alias}" }
  AnybodyOpensPages:
    Type: AWS::Lambda::Permission
    Properties: { Action: lambda:InvokeFunctionUrl, Principal: "*", FunctionName: !Sub "${Pages.Alias}", FunctionUrlAuthType: NONE }
  AnybodyCallsPages:
    Type: AWS::Lambda::Permission
    Properties: { Action: lambda:InvokeFunction, Principal: "*", FunctionName: !Sub "${Pages.Alias}", InvokedViaFunctionUrl: true }
  Pages:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: . }
"##;

#[test]
fn routes_are_read_from_the_apis_own_definition() {
    let wiring = Wiring::parse(EDGE).unwrap();
    let route = |method: &str| Trigger::Http { method: method.into(), path: "/u/{token}".into(), authorizer: None };
    assert_eq!(function(&wiring, "Pages"), [route("GET"), route("ANY"), Trigger::Url]);

    let check = |from: &str, to: &str, expected: &str| {
        assert!(EDGE.contains(from), "{from}");
        assert_eq!(Wiring::parse(&EDGE.replace(from, to)).unwrap_err().to_string(), expected);
    };
    check(
        "  ApiCallsPages:\n    Type: AWS::Lambda::Permission",
        "  ApiCallsPages:\n    Type: AWS::Lambda::Other",
        "Api: nothing permits it lambda:InvokeFunction of Pages",
    );
    check(
        "Principal: apigateway.amazonaws.com",
        "Principal: s3.amazonaws.com",
        "Api: nothing permits it lambda:InvokeFunction of Pages",
    );
    check(", FunctionUrlAuthType: NONE", "", "PagesUrl: nothing permits it lambda:InvokeFunctionUrl of Pages");
    check(", InvokedViaFunctionUrl: true", "", "PagesUrl: nothing permits it lambda:InvokeFunction of Pages");
    check(
        "AuthType: NONE, T",
        "AuthType: AWS_IAM, T",
        "PagesUrl: a function URL with IAM authorization is not implemented here",
    );
    check("get:", "trace:", "Api: `trace` of /u/{token} is not a method that is implemented here");
    check("{token}\":", "{token+}\":", "Api: greedy path parameters are not implemented here");
    check(
        "payloadFormatVersion: \"2.0\"",
        "payloadFormatVersion: \"1.0\"",
        "Api: an integration that is not aws_proxy, POST, of format 2.0, is not implemented here",
    );
    check(
        "integrations/Pages\" } }",
        "integrations/Nobody\" } }",
        "Api: an integration that is not aws_proxy, POST, of format 2.0, is not implemented here",
    );
    check(
        "get: {",
        "get: { security: [{ users: [] }],",
        "Api: GET /u/{token}: use an event of the function for an authorizer",
    );
    check(
        "${Pages.Arn}:live",
        "elsewhere",
        "Api: \"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/elsewhere/invocations\" is not a function here",
    );
}

/// Whichever edge is chosen, both functions that face the internet are reached, and the desk has its own.
#[test]
fn either_edge_of_the_deployed_template_reaches_the_functions() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../sam/template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    for (edge, routes, urls) in [("http-api", 13, 0), ("function-url", 0, 2)] {
        let parameters = BTreeMap::from([("Edge".to_owned(), edge.to_owned())]);
        let wiring = Wiring::parse_with(&template, &parameters).unwrap();
        let triggers = || wiring.functions.iter().flat_map(|function| &function.triggers);
        assert_eq!(triggers().filter(|trigger| matches!(trigger, Trigger::Http { .. })).count(), routes, "{edge}");
        assert_eq!(triggers().filter(|trigger| **trigger == Trigger::Url).count(), urls, "{edge}");
        assert!(wiring.functions.iter().all(|function| !function.triggers.is_empty()), "{edge}: nothing calls one");
    }
}

/// The template that is deployed can be run here, all of it.
#[test]
fn the_deployed_template_is_understood() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../sam/template.yaml");
    let wiring = Wiring::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let names: Vec<&str> = wiring.functions.iter().map(|function| function.logical_id.as_str()).collect();
    assert!(names.contains(&"IngestEngagement") && names.contains(&"SendNurtureEmail"), "{names:?}");
    assert!(wiring.functions.iter().all(|function| !function.triggers.is_empty()), "a function nothing calls");
    assert!(wiring.tables.iter().all(|table| table.stream.as_deref() == Some("NEW_IMAGE")));
}
