"""What can go wrong with the broker beside a publish (``bus.broker.port.PublishFailedError``).

BrokerUnreachableError       no connection; the broker may be down
BrokerRefusedError           the broker answered no
├── QueueMissingError        the queue is not there
└── TopologyConflictError    a queue or exchange exists with other properties
"""


class BrokerUnreachableError(ConnectionError):
    """There is no connection to the broker."""


class BrokerRefusedError(Exception):
    """The broker refused: wrong password, missing permission, unknown virtual host."""


class QueueMissingError(BrokerRefusedError):
    """The queue is not there."""


class TopologyConflictError(BrokerRefusedError):
    """Something exists under this name with other properties; it has to be removed by a person."""
