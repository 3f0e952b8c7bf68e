namespace OvirtSpm.Volumes.Qcow2;

/// <summary>Told of every part of an image that something in it points to.</summary>
internal interface IQcow2References
{
    /// <param name="copied">What the entry says of the cluster's refcount: that it is exactly 1, or not. Null where it says nothing.</param>
    void Uses(long offsetBytes, long lengthBytes, bool? copied = null);

    /// <summary>A cluster of guest data of the active layer.</summary>
    void Maps(bool compressed);

    /// <summary>Something that cannot be; what it points to is passed over. Whoever needs every reference throws.</summary>
    void Wrong(Qcow2Fault fault, string what);
}
