"""The regular expressions and word lists that the review steps look for."""

from __future__ import annotations

import re
from re import Pattern

_I = re.IGNORECASE

MARKUP: tuple[tuple[str, Pattern[str]], ...] = (
    ("JSON", re.compile(r"[{}]|\"\s*:\s*[\"\[{]|\\[nu\"]|^\s*\[.*\]\s*$", re.MULTILINE)),
    ("code marks", re.compile(r"```|`[^`]+`")),
    ("HTML", re.compile(r"</?[a-z!][^<>\n]{0,80}>|&(?:amp|lt|gt|quot|nbsp|#\d+);", _I)),
    ("Markdown", re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__|^#{1,6} |\]\(\S+\)|^\s*\|.+\|\s*$", re.MULTILINE)),
    (
        "a placeholder",
        re.compile(
            r"\[(?:insert|your|name|link|topic|url|date|post|tweet|draft|hook|thread|reply)\b[^\]]*\]"
            r"|<[A-Z_]{3,}>|\bTODO\b|\bXXX\b|lorem ipsum",
            _I,
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
            r"|tweets?|drafts?|repl(?:y|ies)|threads?|versions?)\b|^\s*(?:draft|version|tweet|reply"
            r"|post)\s*(?:#?\d+\s*[:.)]|[:)])"
            r"|\boption [a-d1-9]\s*[:.)]|^\s*\(?(?:word|character)s?(?: count)?\s*[:=]\s*\d+|\((?:make"
            r" (?:it|this)"
            r"|tone|hook|rewrite|alternative)\b[^)]*\)\s*$",
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

_NUMBER = (
    r"(?:\d+(?:[.,]\d+)?|half an?|a couple of|one|two|three|four|five|six|seven|eight|nine|ten|twelve"
    r"|twenty|thirty|fifty|(?:a|one|two|three|four|five|six) hundred|(?:a|one) thousand)"
)
_MEDICINE = (
    r"(?:(?:anti-?(?:depressants?|biotics?|histamines?)|melatonin|ibuprofen|aspirin|paracetamol|pain"
    r" ?killers?|acetaminophen|insulin|statins?|ssris?|opioids?|xanax|valium|ambien|prozac|adderall|ritalin"
    r"|ozempic|ashwagandha|vaccin\w+|vaxx?\w*|chemo\w*|medications?|medicines?(?! (?:cabinet|ball|chest))"
    r"|meds|prescriptions?|sleeping (?:pills?|tablets?|aids?)|(?:evening|morning|daily|blood pressure"
    r"|heart) (?:pills?|tablets?)))"
)
_DISEASE = (
    r"(?:diabetes|cancer|dementia|alzheimer\w*|depression|anxiety disorders?|insomnia|adhd|heart"
    r" (?:attacks?|disease)|a stroke|hypertension|(?:high )?blood pressure|cholesterol|blood sugar|obesity"
    r"|asthma|arthritis|migraines?|sleep apn(?:o)?ea|infections?|the flu|covid\w*|diseases?|illness(?:es)?)"
)
DOSAGE = re.compile(
    rf"\b{_NUMBER}[\s-]?(?:mg|mcg|µg|micrograms?|milligrams?|grams?|g|ml|millilit(?:er|re)s?|iu|units?"
    rf"|drops?"
    r"|tablets?|pills?|capsules?|tablespoons?)\b"
    rf"|\b(?:{_NUMBER} (?:\w+ )?|a )(?:tablets?|pills?|capsules?)\b"
    r"|\bfast(?:ing)? for (?:\w+ )?(?:days?|weeks?)\b",
    _I,
)
MEDICINE = re.compile(
    rf"\b(?:take|takes|taking|skip|skips|skipping|stop|stops|quit|drop|drops|swap|ditch|throw|avoid|replace"
    rf"|replaces|beats?|than|instead of|without|off|need|no|wrecks?|ruins?|your|more|less)\b(?:"
    rf" [\w'-]+){{0,2}} {_MEDICINE}\b|\b{_MEDICINE} (?:\w+ )?(?:is|are|will|makes?|helps?|wrecks?|ruins?"
    rf"|destroys?|causes?|before|every)\b",
    _I,
)
"""Advice for or against a medicine: as much as a dosage."""

DIAGNOSIS = re.compile(
    r"\b(?:you|they|he|she) (?:have|has|suffer(?:s)? from|are suffering from|probably have|likely have|may"
    r" have|might have) (?:a |an )?(?:insomnia|depression|anxiety disorder|adhd|diabetes|sleep apn(?:o)?ea"
    r"|burnout|hypertension|deficiency|disorder|syndrome|disease|infection|cancer|\w+ (?:deficiency"
    r"|disorder|syndrome|disease))\b|\bif you(?:'re| are)\b[^.!?\n]{0,40}\b(?:it(?:'s| is) (?:probably "
    r"|likely )?your (?:thyroid|hormones?|liver|heart|iron|cortisol|blood\w*|gut|adrenals?|nerves)|you lack"
    r"|your body lacks)\b|\b(?:diagnos\w+|(?:this|it|that) (?:is|means) (?:a sign|signs?|symptom|symptoms)"
    r" of|symptoms? of (?:a )?(?:disease|disorder|deficiency)|is a (?:sign|symptom) of (?:\w+ )?(?:disease"
    r"|disorder|deficiency|depression|diabetes|adhd|insomnia|cancer))\b",
    _I,
)
CURE = re.compile(
    rf"\b(?:prevents?|keeps?|wards? off|fights?|beats?|stops?|fixes|lowers?|raises?|against|risk of|good"
    rf" for)\b(?: [\w'-]+){{0,4}} {_DISEASE}\b|\b{_DISEASE} (?:away|at bay|goes away|disappears?|vanish\w*"
    rf"|is (?:just|only|all) )"
    r"|\b(?:cur(?:e|es|ed(?! (?:ham|meat|salmon|fish|egg))|ing)|heal(?:s|ed)? (?:your|the|any|all|every)"
    r"|treats? (?:your|any|all|depression|anxiety|insomnia|diabetes|disease|adhd)|reverses? (?:your|aging"
    r"|ageing|diabetes|disease)|prevents? (?:cancer|disease|diabetes|dementia|illness|heart)|detox(?:es|ify"
    r"|ifies)?|eliminat(?:e|es|ed) (?:anxiety|depression|insomnia|disease|stress for ever)|replaces?"
    r" (?:your )?(?:medication|medicine|doctor|therap\w+)|stop taking (?:your )?(?:medication|medicine"
    r"|pills|meds)|instead of (?:medication|medicine|a doctor|therapy))\b",
    _I,
)
GUARANTEE = re.compile(
    r"\b(?:guarantee[ds]?|100 ?%|(?:never|always) (?:fails?|works)(?=\s*(?:[.,;:!?]|$|for (?:every|you|me"
    r"|all)))|works (?:for every(?:one|body)|every time|always|without fail)|risk[- ]free|no side effects"
    r"|proven to|clinically proven|scientifically proven|you will never (?:be|feel|have)|permanently|for"
    r" good and for ever|results? (?:in|within) \d+ days?|(?:i|we) promise|you(?:'ll| will)"
    r" [^.!?\n]{0,40}\b(?:in|within) "
    rf"{_NUMBER} (?:seconds?|minutes?|nights?|days?|weeks?)|miracle|instant(?:ly)? (?:results?|relief"
    rf"|cure))\b"
    r"|100\s?%|, promised?[.!]?\s*$",
    _I | re.MULTILINE,
)
FINANCE = re.compile(
    r"\b(?:guaranteed (?:returns?|profits?|income)|risk[- ]free (?:returns?|profits?|investments?)|can(?:no"
    r"|')t lose|double your (?:money|savings|income)|get rich|buy (?:now|this (?:stock|coin|token)|bitcoin"
    r"|the dip)|sell (?:now|everything)|(?:will|is going to|is about to) (?:moon|explode|10x|100x|double"
    r"|skyrocket)|passive income|financial freedom in|all in on|\d+x (?:returns?|gains?|your money)|send"
    r" (?:me )?(?:crypto|bitcoin|btc|eth|money)|free (?:coins?|crypto|bitcoin|money|tokens?|giveaway))\b",
    _I,
)
FIGURE = re.compile(
    r"\d+(?:[.,]\d+)?\s?(?:%|percent\b|per cent\b|times (?:more|less|better|faster|as|higher|lower)\b|x"
    r" (?:more|less|better|faster)\b|-fold\b|out of (?:\d+|ten|five|hundred)\b|in \d+ (?:people|adults|of"
    r" us)\b)|\b(?:one|two|three|four|nine) (?:in|out of) (?:three|four|five|ten)\b|\b(?:twice|half|double"
    r"|triple) (?:as|the) (?:likely|risk|chance|number)\b|\b(?:half|(?:a|one|two|three) (?:thirds?"
    r"|quarters?|fifths?)|(?:the )?majority) of (?:all )?(?:us|the population|(?:people|adults|americans"
    r"|workers|employees|men|women|children|students))\b|\b(?:doubles?|halves?|triples?|cuts?|lowers?"
    r"|raises?|increases?|reduces?) (?:your|the|our) (?:risk|chances?|odds)\b|[$€£]\s?\d|\d\s?(?:dollars"
    r"|euros|pounds)\b|\b(?:studies|study|research|science|scientists|researchers|experts|doctors"
    r"|psychologists|nasa|harvard|stanford) (?:\w+ )?(?:shows?|showed|shown|says?|said|proves?|proven"
    r"|suggests?|found|finds?|agrees?|confirms?|confirmed|discovered|recommends?|links?|linked)\b"
    r"|\b(?:according to|(?:tested|proven|approved|backed|recommended) by) (?:[\w'-]+ ){0,3}(?:studies"
    r"|study|research|science|scientists|researchers|experts|doctors|psychologists|nasa|astronauts"
    r"|university)\b",
    _I,
)
FALSE_SELF = re.compile(
    r"\b(?:as a (?:doctor|nurse|therapist|physician|psychologist|dietitian|nutritionist|trainer|lawyer"
    r"|scientist|mother|father|mom|dad|parent)|i(?:'ve| have)? (?:lost|gained|earned|made|saved) (?:[$€£]"
    rf"|{_NUMBER}\b)|i (?:slept|woke up|dreamt|dreamed|gave birth|was born|grew up|was diagnosed|ate|drank)"
    r"|when i (?:had my|was (?:a child|a kid|a student|young|pregnant|little|\d+))|i (?:cured|healed|beat)"
    r" my|my (?:patients?|clients?|doctor|therapist|husband|wife|kids?|son|daughter|grandm\w+|grandf\w+)"
    r"|(?:doctor|therapist) here|in my (?:practice|clinic))\b",
    _I,
)
INSULT = re.compile(
    r"\b(?:idiots?|morons?|stupid|dumb|losers?|pathetic|shut up|worthless|disgusting|(?:you|they|people|he"
    r"|she)(?:'re| are| is) (?:trash|garbage|lazy|ugly|fat)|you(?:'re| are) (?:just|too|so) (?:lazy|weak"
    r"|fat|ugly)|fat people|trash people|garbage people|pricks?|(?:women|men|girls|foreigners|immigrants"
    r"|boomers) are (?:too|all|just|so|not made)|hate (?:you|them|him|her)|kill (?:yourself|you|them|him"
    r"|her)|die in|screw you|f+u+c+k\w*|sh[i1]t\w*|bitch\w*|bastards?|assholes?|retard\w*|scum|lazy people"
    r"|weak people|snowflakes?)\b",
    _I,
)
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\u2b00-\u2bff\U0001f1e6-\U0001f1ff]")
SHOUTING = re.compile(r"\b[A-Z]{4,}\b")
