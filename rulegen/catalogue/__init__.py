"""Every rule of the project, one file per family -> CATALOGUE, in the order of the sid offsets."""

from rulegen.catalogue.content import CONTENT
from rulegen.catalogue.delivery import DELIVERY
from rulegen.catalogue.lookup import LOOKUP
from rulegen.catalogue.rejection import REJECTION
from rulegen.spec import RuleSpec

CATALOGUE: tuple[RuleSpec, ...] = (*LOOKUP, *DELIVERY, *CONTENT, *REJECTION)
