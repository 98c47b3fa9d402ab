// Stands in for @protobufjs/inquire, which looks for optional modules: there are none.
module.exports = () => null;
