//! Japanese.

use super::Phrase;
use crate::domain::alert::Severity;
use crate::notify::exchange::Act;

pub(super) fn say(phrase: &Phrase<'_>) -> String {
    let fixed = match phrase {
        Phrase::Greeting => "ナイトコールです。",
        Phrase::PressToAcknowledge { all: false } => "対応する場合は4を押してください。",
        Phrase::PressToAcknowledge { all: true } => "すべてに対応する場合は4を押してください。",
        Phrase::Alert { severity, service, summary } => {
            return format!("サービス、{service}で、{}のアラートです。{summary}。", severity_word(*severity));
        }
        Phrase::Count(count) => return format!("インシデントが{count}件あります。最も重大なものは次のとおりです。"),
        Phrase::Keys { all: false } => {
            "対応は4、解決は6、次の担当者を呼ぶには5、もう一度聞くには、こめじるしを押してください。"
        }
        Phrase::Keys { all: true } => {
            "すべてに対応は4、すべてを次の担当者に回すには5、もう一度聞くには、こめじるしを押してください。"
        }
        Phrase::NoKey => "キーが押されませんでした。次の担当者に電話します。失礼します。",
        Phrase::Done(Act::Acknowledge) => "対応を受け付けました。ありがとうございます。",
        Phrase::Done(Act::Resolve) => "解決済みにしました。お疲れさまでした。",
        Phrase::Done(Act::Escalate) => "次の担当者を呼んでいます。",
        Phrase::PressAgainToResolve => "このインシデントを解決済みにするには、もう一度6を押してください。",
        Phrase::StaysOpen => "未解決のままにします。失礼します。",
        Phrase::NotResolved => "解決済みにしていません。",
        Phrase::ManyNotResolved => "複数のインシデントを電話で一度に解決済みにすることはできません。",
        Phrase::KeyUnknown("*") => "こめじるしは、ここでは使えません。",
        Phrase::KeyUnknown("#") => "シャープは、ここでは使えません。",
        Phrase::KeyUnknown(key) => return format!("{key}のキーは、ここでは使えません。"),
        Phrase::AlreadyAcknowledged { by } => return format!("すでに{by}さんが対応しています。おやすみなさい。"),
        Phrase::AlreadyResolved => "このインシデントはすでに解決しています。おやすみなさい。",
        Phrase::NotStored => "保存できませんでした。もう一度キーを押してください。",
        Phrase::DoneAlready => "この電話の用件はすでに済んでいます。失礼します。",
        Phrase::EnterPin => "ナイトコールです。暗証番号を入力し、最後にシャープを押してください。",
        Phrase::PinWrong => "暗証番号が違います。もう一度入力してください。",
        Phrase::PinRefused => "暗証番号が違います。次の担当者に電話します。失礼します。",
        Phrase::Test => "ナイトコールからのテストの電話です。問題は起きていません。",
        Phrase::PressToConfirm => "この電話で連絡が取れることを確認するには、4を押してください。",
        Phrase::Confirmed => "確認しました。ありがとうございます。",
        Phrase::NotConfirmed => "確認できませんでした。失礼します。",
        Phrase::TestCode(digits) => return format!("確認コードは、{digits}、です。"),
        Phrase::OnCall { schedule, until: None } => {
            return format!("ただいまから、{schedule}のオンコール担当です。");
        }
        Phrase::OnCall { schedule, until: Some(until) } => {
            let until = until.strftime("%-m月%-d日%-H時%-M分");
            return format!("ただいまから{until}まで、{schedule}のオンコール担当です。");
        }
        Phrase::ActElsewhere => {
            "この電話では応答できません。ショートメッセージ、メール、またはウェブページで対応を知らせてください。\
             知らせがない場合は、次の担当者に電話します。"
        }
        Phrase::Goodbye => "失礼します。",
    };
    fixed.to_owned()
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "重大",
        Severity::Error => "エラー",
        Severity::Warning => "警告",
        Severity::Info => "情報",
    }
}

/// What a sign is called where it is spoken.
pub(super) fn sign(sign: char) -> &'static str {
    match sign {
        '.' => "ドット",
        ':' => "コロン",
        '-' => "マイナス",
        '/' => "スラッシュ",
        '%' => "パーセント",
        '@' => "アット",
        '&' => "アンド",
        '+' => "プラス",
        '=' => "イコール",
        '<' => "小なり",
        '>' => "大なり",
        '#' => "番号",
        '°' => "度",
        _ => "",
    }
}
