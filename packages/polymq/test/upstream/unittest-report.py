"""Runs modules of Python's unittest and writes one JSON line for each test to a file.

    python unittest-report.py REPORT MODULE...    in the folder of the modules

`REPORT` is written as tests end, so that what a killed run has done is known.
"""

import inspect
import json
import sys
import unittest


class Reporter(unittest.TestResult):
    def __init__(self, module, report):
        super().__init__()
        self.module = module
        self.report = report

    def write(self, test, status, message=""):
        name = test.id().removeprefix(self.module + ".")
        line = {"spec": self.module + ".py", "test": name, "status": status, "message": message}
        self.report.write(json.dumps(line) + "\n")
        self.report.flush()

    def addSuccess(self, test):
        self.write(test, "passed")

    def addFailure(self, test, error):
        self.write(test, "failed", last_lines(self._exc_info_to_string(error, test)))

    addError = addFailure

    def addSkip(self, test, reason):
        self.write(test, "skipped", reason)


def last_lines(text):
    return "\n".join(text.strip().split("\n")[-3:])


def tests_of(name):
    module = __import__(name)
    suite = unittest.TestSuite()
    for each in dir(module):
        found = getattr(module, each)
        if each.startswith("Test") and inspect.isclass(found) and issubclass(found, unittest.TestCase):
            suite.addTest(unittest.TestLoader().loadTestsFromTestCase(found))
    return suite


def main(path, modules):
    sys.path.insert(0, ".")
    with open(path, "w") as report:
        for name in modules:
            try:
                suite = tests_of(name)
            except Exception as error:
                line = {"spec": name + ".py", "test": "(the module)", "status": "failed", "message": repr(error)}
                report.write(json.dumps(line) + "\n")
                continue
            suite.run(Reporter(name, report))


main(sys.argv[1], sys.argv[2:])
