namespace OvirtSpm.Node.Linux;

/// <summary>Why a path cannot serve as a LUN.</summary>
public enum DeviceProblem
{
    NotFound,
    NoPermission,
    NotADevice,
    TooSmall,
    NoDirectIo,
    PathOfMultipath,
    SectorSize,
    Failed,
}

/// <summary>A path was not opened; the message says what is wrong with it and what to do.</summary>
public sealed class DeviceRefusedException(DeviceProblem problem, string message) : IOException(message)
{
    public DeviceProblem Problem { get; } = problem;
}
