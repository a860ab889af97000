"""Mass mailers that were measured or published: every threshold has to find them."""

from msgspec import Struct


class KnownMailer(Struct, frozen=True):
    """A mailer, and for how many minutes it was, or would be, watched.

    `mails` a minute of one that looks up an MX, connects, greets and sends for each mail; 0 for one
    whose matches were counted signal by signal.
    """

    name: str
    minutes: float
    mails: float = 0


PHORPIEX = KnownMailer("Phorpiex, 500 mails a minute", 4, 500)
RUSTOCK = KnownMailer("Rustock and Xarvester, 417 mails a minute", 4, 417)
FLOOD = KnownMailer("a flood of 30 mails a minute", 4, 30)
# Six names and more for each domain, most of which do not exist (Ludena Romana, Musashi 2005).
MYTOB = KnownMailer("Mytob, 15 mails a minute to guessed servers", 5)
# Counted in the last 354 s of a public capture, by the rules themselves.
EMOTET = KnownMailer("Emotet 2021, as captured", 5.9)
# A public capture of a slow one.
SLOW_BOT = KnownMailer("a slow spam bot, 71 servers in 55 minutes", 55)
HOURLY_20 = KnownMailer("20 mails an hour, for three hours", 180)
HOURLY_6 = KnownMailer("6 mails an hour, for eight hours", 480)
# Half of its mails carry the program; a bare word in each HELO.
WORM = KnownMailer("a worm of 10 mails a minute that mails itself", 5)

KNOWN_MAILERS = (PHORPIEX, RUSTOCK, FLOOD, MYTOB, EMOTET, SLOW_BOT, HOURLY_20, HOURLY_6, WORM)
