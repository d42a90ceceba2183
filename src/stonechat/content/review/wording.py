"""Patterns of wording that the review looks for, in one place."""

from __future__ import annotations

import re
from re import Pattern

_I = re.IGNORECASE

URL = re.compile(r"\b(?:https?://|www\.)\S+", _I)
_TLDS = (
    "com net org io ai app dev co me tv gg ly sh xyz info biz online site shop store link click live top "
    "club pro win vip icu ru cn de uk fr es it nl eu us at ch be pl se no fi in br jp to cc example test"
)
DOMAIN = re.compile(
    rf"(?<![@\w.-])((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\s?(?:\.|\[\.\]|\(\.\)|\s?\(dot\)\s?|\s?\[dot\]\s?"
    rf"|\sdot\s))+"
    rf"(?:{'|'.join(_TLDS.split())}))\b(?!\.\w)",
    _I,
)
EMAIL = re.compile(r"[\w.+-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\.[\w-]+)+", _I)
HANDLE = re.compile(r"(?<![\w/])[@\uff20]([A-Za-z0-9_]{1,30})")
HASHTAG = re.compile(r"(?<![\w&])[#\uff03]([^\W\d]\w*)")
PHONE = re.compile(r"(?<!\w)\+?\d[\d ()./-]{7,}\d(?!\w)")
WALLET = re.compile(r"\b(?:0x[0-9a-fA-F]{30,}|[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[a-z0-9]{25,60})\b")

MARKUP: tuple[tuple[str, Pattern[str]], ...] = (
    ("JSON", re.compile(r"[{}]|\"\s*:\s*[\"\[{]|\\[nu\"]|^\s*\[.*\]\s*$", re.MULTILINE)),
    ("code marks", re.compile(r"```|`[^`]+`")),
    ("HTML", re.compile(r"</?[a-z!][^<>\n]{0,80}>|&(?:amp|lt|gt|quot|nbsp|#\d+);", _I)),
    ("Markdown", re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__|^#{1,6} |\]\(\S+\)|^\s*\|.+\|\s*$", re.MULTILINE)),
    (
        "a placeholder",
        re.compile(
            r"\[(?:insert|your|name|link|topic|url|date)\b[^\]]*\]|<[A-Z_]{3,}>|\bTODO\b|\bXXX\b|lorem ipsum",
            _I,
        ),
    ),
    (
        "invisible characters",
        re.compile(
            r"[\u200b\u200c\u2060-\u206f\u202a-\u202e\ufeff\u00ad\U000e0000-\U000e007f\x00-\x08\x0b-\x1f]"
        ),
    ),
)
"""What is not plain text, with its name."""

LEAKS: tuple[tuple[str, Pattern[str]], ...] = (
    (
        "a line of the prompt",
        re.compile(
            r"^\s*(?:topic|hook|format|hour_block|length|tone|kind|drafts|parts|max_length|voice|mark"
            r"|never|their_post|already_said|avoid|niche|speaks)\s*:",
            _I | re.MULTILINE,
        ),
    ),
    (
        "a remark about the task",
        re.compile(
            r"^\s*(?:sure|certainly|of course|okay|ok|absolutely)[,!.:]?\s+(?:here|i can|i'll|let me"
            r"|i have)\b|\bhere(?:'s| is| are) (?:a|an|the|your|my|some|one|two|three|four|five|\d+) "
            r"(?:\w+ ){0,2}(?:posts?"
            r"|tweets?|drafts?|repl(?:y|ies)|threads?|versions?)\b|^\s*(?:draft|option|version|tweet|reply"
            r"|post)\s*#?\d*\s*[:.)]",
            _I | re.MULTILINE,
        ),
    ),
    (
        "the model speaking of itself",
        re.compile(
            r"\b(?:as an? (?:ai|language model|assistant|bot)|i am an? (?:ai|assistant|language model|bot"
            r"|chatbot)|i'm an? (?:ai|assistant|language model|bot|chatbot)|language model|openai|chatgpt"
            r"|my (?:training|instructions|guidelines|programming|developers)|i (?:cannot|can't"
            r"|won't) (?:assist|comply|fulfil+|help with|do that|write that)|i'm sorry,? but)\b",
            _I,
        ),
    ),
    (
        "talk of instructions",
        re.compile(
            r"\b(?:system prompt|system message|(?:previous|prior|above|these|my|your|hidden"
            r"|secret) (?:instructions?|prompts?|rules)|prompt injection|jailbr[eo]a?k\w*|developer mode"
            r"|maintenance mode|debug mode|api[ _-]?keys?|access tokens?|passwords?|credentials?"
            r"|auth_token|ct0|environment variables?)\b",
            _I,
        ),
    ),
)
"""Signs that something of the prompt or the model shows through, with its name."""

_AMOUNT = r"\d+(?:[.,]\d+)?\s?"
DOSAGE = re.compile(
    rf"{_AMOUNT}(?:mg|mcg|µg|micrograms?|milligrams?|grams?|g|ml|millilit(?:er|re)s?|iu|units?|drops?"
    rf"|tablets?|pills?|capsules?|tablespoons?)\b"
    r"|\b(?:one|two|three|four|half a|a) (?:tablets?|pills?|capsules?|drops?)\b",
    _I,
)
DIAGNOSIS = re.compile(
    r"\b(?:you|they|he|she) (?:have|has|suffer(?:s)? from|are suffering from|probably have|likely have"
    r"|may have|might have) (?:a |an )?(?:insomnia|depression|anxiety disorder|adhd|diabetes"
    r"|sleep apn(?:o)?ea|burnout|hypertension|deficiency|disorder|syndrome|disease|infection|cancer"
    r"|\w+ (?:deficiency|disorder|syndrome|disease))\b"
    r"|\b(?:diagnos\w+|(?:this|it|that) (?:is|means) (?:a sign|signs?|symptom|symptoms) of"
    r"|symptoms? of (?:a )?(?:disease|disorder|deficiency)|is a (?:sign|symptom) of (?:\w+ )?(?:disease"
    r"|disorder|deficiency|depression|diabetes|adhd|insomnia|cancer))\b",
    _I,
)
CURE = re.compile(
    r"\b(?:cur(?:e|es|ed|ing)|heal(?:s|ed)? (?:your|the|any|all|every)|treats? (?:your|any|all|depression"
    r"|anxiety|insomnia|diabetes|disease|adhd)|reverses? (?:your|aging|ageing|diabetes|disease)"
    r"|prevents? (?:cancer|disease|diabetes|dementia|illness|heart)|detox(?:es|ify|ifies)?|eliminat(?:e|es"
    r"|ed) (?:anxiety|depression|insomnia|disease|stress for ever)|replaces? (?:your )?(?:medication"
    r"|medicine|doctor|therap\w+)|stop taking (?:your )?(?:medication|medicine|pills|meds)"
    r"|instead of (?:medication|medicine|a doctor|therapy))\b",
    _I,
)
GUARANTEE = re.compile(
    r"\b(?:guarantee[ds]?|guaranteed|100 ?%|(?:never|always) (?:fails?|works)|works (?:for everyone"
    r"|every time|always|without fail)|risk[- ]free|no side effects|proven to|clinically proven"
    r"|scientifically proven|you will never (?:be|feel|have)|permanently|for good and for ever"
    r"|results? (?:in|within) \d+ days?|miracle|instant(?:ly)? (?:results?|relief|cure))\b"
    r"|100\s?%",
    _I,
)
FINANCE = re.compile(
    r"\b(?:guaranteed (?:returns?|profits?|income)|risk[- ]free (?:returns?|profits?|investments?)"
    r"|can(?:no|')t lose|double your (?:money|savings|income)|get rich|buy (?:now|this (?:stock|coin"
    r"|token)|bitcoin|the dip)|sell (?:now|everything)|(?:will|is going to|is about to) (?:moon|explode"
    r"|10x|100x|double|skyrocket)|passive income|financial freedom in|all in on|\d+x (?:returns?|gains?"
    r"|your money)|send (?:me )?(?:crypto|bitcoin|btc|eth|money)|free (?:coins?|crypto|bitcoin|money"
    r"|tokens?|giveaway))\b",
    _I,
)
FIGURE = re.compile(
    r"\d+(?:[.,]\d+)?\s?(?:%|percent\b|per cent\b|times (?:more|less|better|faster|as|higher|lower)\b"
    r"|x (?:more|less|better|faster)\b|-fold\b|out of (?:\d+|ten|five|hundred)\b|in \d+ (?:people|adults"
    r"|of us)\b)"
    r"|\b(?:one|two|three|four|nine) (?:in|out of) (?:three|four|five|ten)\b"
    r"|\b(?:twice|half|double|triple) (?:as|the) (?:likely|risk|chance|number)\b"
    r"|[$€£]\s?\d|\d\s?(?:dollars|euros|pounds)\b"
    r"|\b(?:studies|research|science|scientists|experts|doctors|a study|one study) (?:show|shows|say|says"
    r"|prove|proves|proven|suggest|suggests|found|find|finds|agree|confirm|confirms|has shown|have shown"
    r"|has found|have found)\b",
    _I,
)
FALSE_SELF = re.compile(
    r"\b(?:as a (?:doctor|nurse|therapist|physician|psychologist|dietitian|nutritionist|trainer|lawyer"
    r"|scientist|mother|father|mom|dad|parent)|i(?:'ve| have)? (?:lost|gained|earned|made|saved) (?:[$€£]"
    r"|\d)|i (?:cured|healed|beat) my|my (?:patients?|clients?|doctor|therapist|husband|wife|kids?|son"
    r"|daughter|grandm\w+|grandf\w+)|(?:doctor|therapist) here|in my (?:practice|clinic))\b",
    _I,
)
INSULT = re.compile(
    r"\b(?:idiots?|morons?|stupid|dumb|losers?|pathetic|shut up|worthless|disgusting|trash|garbage people"
    r"|hate (?:you|them|him|her)|kill (?:yourself|you|them|him|her)|die in|screw you|f+u+c+k\w*|sh[i1]t\w*"
    r"|bitch\w*|bastards?|assholes?|retard\w*|scum|lazy people|weak people|snowflakes?)\b",
    _I,
)
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\u2b00-\u2bff\U0001f1e6-\U0001f1ff]")
SHOUTING = re.compile(r"\b[A-Z]{4,}\b")
