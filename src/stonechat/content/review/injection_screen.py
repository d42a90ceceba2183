"""Detects prompt injection: foreign posts that address a language model are not answered at all."""

from __future__ import annotations

import re

from stonechat.content.review.addresses import holds_link
from stonechat.content.review.deobfuscation import hidden, plain
from stonechat.content.review.language import departs_from, is_disguised
from stonechat.content.review.sensitive import is_grave

_I = re.IGNORECASE

_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|skip)\b.{0,40}\b(?:instructions?|rules?|prompts?|above"
    r"|previous|prior|guidelines?|everything|system|filters?)\b"
    r"|\b(?:system|developer|admin|assistant|operator|root)\s*(?:prompt|message|override|note|:|>|\])"
    r"|\b(?:new|updated|real|actual|secret|next) (?:task|instructions?|rules?|prompt|directive|orders?)\b"
    r"|\b(?:you are|you're|act|behave|respond|pretend to be|roleplay)\b.{0,30}\b(?:now (?:a|an|in)|as (?:a"
    r"|an|if)|dan|unrestricted|maintenance|developer mode|debug mode)\b"
    r"|\b(?:reply|respond|answer|say|write|print|output|post|repeat|tweet|type|echo|send|include|mention"
    r"|append|add|end|start|begin|translate|spell|quote|copy|paste|complete|finish|recite|reveal|show"
    r"|tell)\b.{0,25}\b(?:exactly|only (?:with|the|this|in|by|using)|verbatim|everything above"
    r"|the (?:following|words?|phrase|text|link|sentence|string|line|command|code)|after me|this (?:text"
    r"|word|sentence|link)|word for word|nothing (?:else|but)|your (?:instructions|prompt|rules|key|system"
    r"|api|secret|password|config\w*|token|session|cookies?|auth\w*))\b"
    r"|\b(?:reply|respond|answer|say|write|print|output|repeat|tweet|echo|post)\b\s*(?:with|just"
    r"|back)?\s*[:\"“'«]"
    r"|\b(?:if you(?:'re| are) (?:an? )?(?:ai|bot|llm|language model|gpt)|(?:hey|dear|hi|hello|attention"
    r"|note to|calling|for|to) (?:the |any |all )?(?:ai|bot|bots|llm|llms|assistant|chatgpt|gpt"
    r"|language model|automated account)s?\b)"
    r"|\b(?:ai|bot|llm|model|assistant|agent) (?:reading|processing|seeing|parsing|that reads)\b"
    r"|\b(?:your|the) (?:system prompt|prompt|instructions|api key|secret key|password|credentials|session"
    r"|token|training data|hidden rules)\b"
    r"|\bsystem prompts?\b|\bprompt injection\b|\bjailbr\w+|\bauthori[sz]e you\b|\bas (?:your"
    r"|the) (?:owner|developer|admin\w*|operator|creator|account owner)\b"
    r"|\brepeat after me\b|\bend of (?:post|tweet|text|message|data|input)\b|\bbegin (?:system"
    r"|instructions?)\b"
    r"|\b(?:auth_token|ct0)\b|\b(?:not|never) allowed to (?:say|write|post|use|mention)\b"
    r"|\bdecode (?:this|the following|it)\b|\bbase64\b|\brot13\b",
    _I | re.DOTALL,
)
_STEERS = re.compile(
    r"\b(?:in|as|to|at the end of|with) (?:your|each|every) (?:next )?(?:answers?|reply|"
    r"replies|response|comment|post)\b"
    r"|\b(?:say|tell|write|answer|reply|respond|mention|repeat|output|translate|summari[sz]e|"
    r"confirm|announce|include|add|finish|complete|spell|list|print|promote|advertise|review|"
    r"recommend|pretend|act|imagine|speak|talk)\b"
    r".{0,60}\b(?:in capital letters|letter by letter|bullet points?|words?|sentence|line for "
    r"me|first letters?|my followers|your followers|everyone here|everybody here|in private|"
    r"times|coins?|tokens?|my (?:shop|page|brand|book|channel|account)|json|poem|salesperson|"
    r"advert\w*|opposite of|five stars|like a|that we are|that you are|you are (?:a|an|my)|"
    r"with the words?|your owner)\b"
    r"|\byour (?:owner|operator|developers?|creators?|setup|set-up|configuration|filters?|"
    r"input|context|programm\w+|training|makers?|master|boss tells)\b|\b(?:before|above|"
    r"precedes?) (?:my|this|the) (?:post|one|text|message|line|tweet)\b"
    r"|\bcomes? before this\b|\bfrom now on\b|\byou must\b|\blet us play\b|\bif you (?:are|"
    r"were) (?:automated|a machine|a program|software|not human)\b|\b(?:i bet|dare) "
    r"you (?:cannot|can't|to)\b|\btest of your\b"
    r"|\bwhat does this mean\b|\btake the first letters?\b|\bread (?:every|each|only "
    r"the) (?:second|third|first|other|last)\b|\b(?:advert|advertisement|salesperson)\b|"
    r"\b(?:ignore|forget) (?:what|all|the rest)\b|\bdevelopers? (?:asked|told|want)\b|"
    r"\bread\b.{0,20}\baloud\b|\bput (?:the|these|this) words?\b",
    _I | re.DOTALL,
)
_OTHER_LANGUAGES = re.compile(
    r"\b(?:ignorier\w*|vergiss|missacht\w*|antworte|wiederhole|schreibe?|sag(?:e)?"
    r"|gib)\b.{0,40}\b(?:anweisung\w*|regeln?|nur|genau|folgende\w*|bisherig\w*|wort\w*|text|aus)\b"
    r"|\b(?:ignore[zr]?|oublie[zr]?|réponds|répondez|répète[zr]?|écris|écrivez"
    r"|dis)\b.{0,40}\b(?:instructions?|consignes?|règles?|seulement|uniquement|exactement|précédent\w*|mot"
    r"|texte|suivant\w*)\b"
    r"|\b(?:ignora\w*|olvida\w*|responde\w*|repite|repita|escribe|escriba|di)\b.{0,40}\b(?:instrucciones"
    r"|reglas|solo|sólo|únicamente|exactamente|anteriores|palabra|texto|siguiente)\b"
    r"|\b(?:ignora|dimentica|rispondi|ripeti|scrivi|dì)\b.{0,40}\b(?:istruzioni|regole|solo|soltanto"
    r"|esattamente|precedenti|parola|testo|seguente)\b"
    r"|\b(?:ignor[ea]\w*|esque[çc]a|responda|repita|escreva|diga)\b.{0,40}\b(?:instruções|regras|apenas"
    r"|somente|exatamente|anteriores|palavra|texto|seguinte)\b"
    r"|\b(?:negeer|vergeet|antwoord|herhaal|schrijf|zeg)\b.{0,40}\b(?:instructies|regels|alleen|exact"
    r"|vorige|woord|tekst|volgende)\b"
    r"|\b(?:zignoruj|zapomnij|odpowiedz|powtórz|napisz)\b.{0,40}\b(?:instrukcj\w*|polece\w*|tylko"
    r"|dokładnie|poprzedni\w*|słowo|tekst)\b",
    _I | re.DOTALL,
)
_FRAMES = re.compile(
    r"<\|?/?(?:im_start|im_end|system|assistant|user|inst|s)\|?>|\[/?(?:system|inst|assistant|user"
    r"|admin)\b[^\]]*\]|<<\s*sys|###\s*(?:system|instruction|human|assistant)|^\s*(?:system|assistant|user"
    r"|human)\s*:"
    r"|\"?role\"?\s*:\s*\"?(?:system|assistant|user)|<!--|-->|\{\{|\}\}|```|\"their_post\"|their_post\s*:"
    r"|max_length\s*:|drafts\s*:",
    _I | re.MULTILINE,
)
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u00ad\U000e0000-\U000e007f]")
_UNREADABLE = re.compile(r"(?<![\w/@#])[^\s@#/]{24,}|(?:\d+[\s,.-]+){4,}\d|&#|\\[xu][0-9a-f]{2}", _I)
_LINK = re.compile(r"https?://\S+", _I)
_HANDLE = re.compile(r"[@#]\w+")
_LONGEST = 1500


def hostile(text: str, language: str = "en") -> str | None:
    """Why a post is not answered, or None for one that may be.

    Only posts in the account's language are, made of words that it has: what was encoded, spelled out or
    written in another language would be understood by the model and by none of our checks. A post to a
    machine is left alone rather than outwitted: a reply lost costs little, a reply that obeys costs the
    account.
    """
    if len(text) > _LONGEST:
        return "too long to be an ordinary post"
    if len(_INVISIBLE.findall(text)) > 2:
        return "hides invisible characters"
    if _UNREADABLE.search(_LINK.sub(" ", text)):
        return "holds something that no reader can read"
    for reading in (text, plain(text), *hidden(text)):
        if _ORDERS.search(reading) or _STEERS.search(reading) or _OTHER_LANGUAGES.search(reading):
            return "gives orders to a machine"
        if _FRAMES.search(reading):
            return "imitates a machine's messages"
    if holds_link(text):
        return "carries a link"
    if is_grave(text):
        return "speaks of what a human should answer"
    bare = _HANDLE.sub(" ", text)
    if departs_from(bare, language):
        return "is not in the account's language"
    return "holds something that no reader can read" if is_disguised(bare, language) else None
