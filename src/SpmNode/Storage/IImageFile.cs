using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Node.Storage;

/// <summary>An image that was opened by its path, for reading.</summary>
public interface IImageFile : IImageArea, IDisposable
{
    /// <summary>Is there anything but zeros at this place, and up to where is that so? Where nothing is known everything is data.</summary>
    (bool IsData, long EndBytes) RunAt(long offsetBytes) => (true, SizeBytes);
}
