//! Chinese (Mandarin, simplified script).

use super::Phrase;
use crate::domain::alert::Severity;
use crate::notify::exchange::Act;

pub(super) fn say(phrase: &Phrase<'_>) -> String {
    let fixed = match phrase {
        Phrase::Greeting => "这里是夜间呼叫系统。",
        Phrase::PressToAcknowledge { all: false } => "确认请按4。",
        Phrase::PressToAcknowledge { all: true } => "全部确认请按4。",
        Phrase::Alert { severity, service, summary } => {
            return format!("服务{service}发生{}告警：{summary}。", severity_word(*severity));
        }
        Phrase::Count(count) => return format!("共有{count}个事件。最严重的是："),
        Phrase::Keys { all: false } => "确认请按4，解决请按6，转给下一位请按5，重听请按星号键。",
        Phrase::Keys { all: true } => "全部确认请按4，全部转给下一位请按5，重听请按星号键。",
        Phrase::NoKey => "没有收到按键。系统将呼叫下一位值班人员。再见。",
        Phrase::Done(Act::Acknowledge) => "已确认。谢谢。",
        Phrase::Done(Act::Resolve) => "已解决。晚安。",
        Phrase::Done(Act::Escalate) => "已转出。正在呼叫下一位值班人员。",
        Phrase::PressAgainToResolve => "请再按一次6，以解决此事件。",
        Phrase::StaysOpen => "事件仍未解决。再见。",
        Phrase::NotResolved => "事件没有标为已解决。",
        Phrase::ManyNotResolved => "不能通过电话一次解决多个事件。",
        Phrase::KeyUnknown("*") => "星号键在这里无效。",
        Phrase::KeyUnknown("#") => "井号键在这里无效。",
        Phrase::KeyUnknown(key) => return format!("按键{key}在这里无效。"),
        Phrase::AlreadyAcknowledged { by } => return format!("{by}已经确认。晚安。"),
        Phrase::AlreadyResolved => "此事件已经解决。晚安。",
        Phrase::NotStored => "未能保存。请再按一次。",
        Phrase::DoneAlready => "这次呼叫已经处理完毕。再见。",
        Phrase::EnterPin => "这里是夜间呼叫系统。请输入密码，并按井号键结束。",
        Phrase::PinWrong => "密码错误。请重新输入。",
        Phrase::PinRefused => "密码错误。系统将呼叫下一位值班人员。再见。",
        Phrase::Test => "这是夜间呼叫系统的测试电话。没有发生故障。",
        Phrase::PressToConfirm => "请按4确认可以通过此电话联系到您。",
        Phrase::Confirmed => "已确认。谢谢。",
        Phrase::NotConfirmed => "未能确认。再见。",
        Phrase::TestCode(digits) => return format!("您的验证码是：{digits}。"),
        Phrase::OnCall { schedule, until: None } => return format!("您现在开始在{schedule}值班。"),
        Phrase::OnCall { schedule, until: Some(until) } => {
            let until = until.strftime("%-m月%-d日%-H点%-M分");
            return format!("您现在开始在{schedule}值班，到{until}为止。");
        }
        Phrase::ActElsewhere => "此电话不能接收按键。请通过短信、邮件或网页确认，否则系统将呼叫下一位值班人员。",
        Phrase::Goodbye => "再见。",
    };
    fixed.to_owned()
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "严重",
        Severity::Error => "错误",
        Severity::Warning => "警告",
        Severity::Info => "信息",
    }
}

/// What a sign is called where it is spoken.
pub(super) fn sign(sign: char) -> &'static str {
    match sign {
        '.' => "点",
        ':' => "冒号",
        '-' => "负",
        '/' => "斜杠",
        '%' => "百分号",
        '@' => "艾特",
        '&' => "和",
        '+' => "加",
        '=' => "等于",
        '<' => "小于",
        '>' => "大于",
        '#' => "编号",
        '°' => "度",
        _ => "",
    }
}
