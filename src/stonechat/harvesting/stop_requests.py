"""People who want no replies of an automated account: how they say so, and how the account remembers it.

Heard at once, for ever, and never answered. In doubt it is heard: a reply lost costs little.
"""

from __future__ import annotations

import re
import unicodedata

_I = re.IGNORECASE

_SIGN = re.compile(
    r"#?\bno[\s_-]?(?:ro)?bots?\b|#(?:no[_-]?(?:ai|automat\w*|bot\w*)|botfree|humans?only|"
    r"keinebots?|sansbots?"
    r"|sinbots?|nobotreplies|stopbots?)\b|\b(?:no|without) (?:ai|automated|bot) (?:replies|"
    r"answers|accounts?)\b"
    r"|\bbots? (?:will be|get|are) (?:blocked|banned|not welcome|muted)\b|\b(?:dni|do not "
    r"interact)\b.{0,20}\bbots?\b"
    r"|\b(?:keine|ohne) bots?\b|\b(?:pas de|sans|aucun) (?:ro)?bots?\b|\b(?:sin|nada de|ningún) bots?\b"
    r"|\b(?:niente|senza|no ai) bots?\b|\bsem bots?\b|\bgeen bots?\b|\bbez botów\b|"
    r"\bbot (?:yok|istemiyorum)\b"
    r"|ботам? (?:нельзя|вход)|без ботов|ボット(?:お断り|禁止)|봇 (?:금지|사절)|禁止机器人|ممنوع الروبوتات",
    _I,
)
"""In a profile or a post, to whomever it may concern."""

_TO_US = re.compile(
    r"^(?:please |pls |ok |hey )*(?:stop|stahp|stopp|arr[êe]te[zr]?|basta|para|pare|parar|ya "
    r"basta|hou op|przestań"
    r"|dur|хватит|стоп|прекрати\w*|やめて\w*|그만\w*|停止?|别再?回复?|توقف|קוד|stoppa"
    r"|lopeta|unsubscribe|opt[ -]?out"
    r"|stop it|stop this|quit it|cut it out|enough|mute|blocked|go away|shut up|"
    r"leave)(?: (?:please|pls|now|it|this|bot"
    r"|bitte|svp|por favor|per favore))*$"
    r"|\bstop (?:repl\w+|respon\w+|answer\w+|tag\w+|mention\w+|messag\w+|contact\w+|spam\w+|"
    r"bother\w+|follow\w+|quot\w+"
    r"|comment\w+|writing|talking|bugging|harass\w+|@)\b|\b(?:please|pls) stop\b|\bstop,? please\b"
    r"|\b(?:don'?t|do not|never|quit|no more|without) (?:ever )?(?:repl\w+|respond\w*|"
    r"answer\w*|tag\w*|mention\w*|messag\w*"
    r"|contact\w*|bother\w*|quot\w*|comment\w*|write|talk|@).{0,20}\b(?:me|my|us|again|anymore|any more)\b"
    r"|\bleave me alone\b|\b(?:go away|get lost|fuck off|piss off)\b|\b(?:i(?:'m| am)|"
    r"you(?:'re| are)|will be|getting) block\w+\b"
    r"|\b(?:i (?:don'?t|do not)|not) (?:want|talk\w*|like|interested|need)\b.{0,25}\bbots?\b|"
    r"\bwho asked (?:you|the bot)\b"
    r"|\b(?:opt|take|remove|count|leave) me (?:out|off|from)\b|\bremove me\b"
    r"|\b(?:hör|hoert?|hört)\b.{0,20}\bauf\b|\blass(?:t|en sie)? mich in ruhe\b|\b(?:antworte|"
    r"schreib)\w*\b.{0,20}\bnicht\b"
    r"|\b(?:nicht mehr|nie wieder|keine)\b.{0,20}\bantwort\w*\b|\bbitte nicht mehr\b"
    r"|\barr[êe]te[zr]?\b.{0,25}\b(?:répondre|me|m'|de)\b|"
    r"\bne (?:me )?répond\w*\b.{0,20}\b(?:plus|pas)\b|\b(?:laisse|laissez)[ -]moi\b"
    r"|\b(?:deja|deje|dejen|para|pare)\b.{0,15}\b(?:responder\w*|contestar\w*|escribir\w*|"
    r"etiquetar\w*)\b|\bno me (?:respond\w+|contest\w+|escrib\w+|etiquet\w+)\b"
    r"|\bd[ée]j[ae]\w* en paz\b|\b(?:smetti\w*|smettere|finiscila|piantala)\b|"
    r"\bnon (?:mi )?(?:risponder\w*|scriver\w*|taggar\w*)\b|\blasciami (?:in pace|stare)\b"
    r"|\b(?:pare|para|parem)\b.{0,10}\bde (?:me )?(?:responder|marcar|mencionar)\b|"
    r"\bnão (?:me )?(?:respond\w+|marqu\w+|mencion\w+)\b|\bme deixe? em paz\b"
    r"|\b(?:hou|stop)\b.{0,10}\b(?:op|met) (?:met )?(?:reageren|antwoorden)\b|\b(?:reageer|"
    r"antwoord)\w* (?:niet|nooit)\b|\blaat me met rust\b"
    r"|\b(?:przestań|nie)\b.{0,15}\b(?:odpowiada\w*|odpisuj\w*|pisz\w*)\b|\bdaj mi spokój\b|"
    r"\b(?:bana )?(?:cevap|yan\u0131t) (?:verme|yazma)\w*\b|\bbeni rahat b\u0131rak\b"
    r"|не (?:отвечай|пиши|отмечай|беспокой)\w*|оставь(?:те)? меня|(?:返信|リプ"
    r"|返事)(?:しないで|やめて|は?不要|するな)"
    r"|(?:답글|댓글|답장).{0,6}(?:달지|하지|그만)|(?:不要|别|停止|請勿|请勿).{0,4}(?:回复|回覆|评论|@)"
    r"|لا ترد|(?:जवाब|"
    r"रिप्लाई).{0,6}(?:मत|न दें)",
    _I,
)
"""In a post that speaks to us."""

_LEAD = re.compile(r"^(?:\s*@\w+)+|https?://\S+")


def wants_no_bots(text: str) -> bool:
    """Whether a profile or a post asks automated accounts to stay away."""
    return _SIGN.search(_folded(text)) is not None


def wants_no_replies(text: str) -> bool:
    """Whether a post that speaks to us asks us to stop."""
    bare = _LEAD.sub(" ", _folded(text)).strip(" .,!?…;:\"'*~-\n\t🛑✋🙏")
    return wants_no_bots(text) or _TO_US.search(bare) is not None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("\u2019", "'")
