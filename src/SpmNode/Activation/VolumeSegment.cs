namespace OvirtSpm.Node.Activation;

/// <summary>A run of a volume's bytes that lies in one piece on one device.</summary>
/// <param name="DeviceOffsetBytes">From the start of the device; whole sectors, like the length.</param>
public sealed record VolumeSegment(IDataDevice Device, long DeviceOffsetBytes, long LengthBytes);
