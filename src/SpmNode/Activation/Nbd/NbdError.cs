namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>Error numbers on the wire. Source: NBD protocol, "Error values".</summary>
public enum NbdError : uint
{
    None = 0,
    NotPermitted = 1,
    Io = 5,
    NoMemory = 12,
    Invalid = 22,
    NoSpace = 28,
    Overflow = 75,
    NotSupported = 95,
    ShuttingDown = 108,
}
