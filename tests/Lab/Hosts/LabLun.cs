namespace OvirtSpm.Lab.Hosts;

/// <param name="Name">Also its serial number, by which a host knows it.</param>
/// <param name="File">What it lies in, outside of all hosts.</param>
internal sealed record LabLun(string Name, string File, int SectorSize);
