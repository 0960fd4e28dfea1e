// A private endpoint: a service as an address of the network, under its usual name.
param name string
param location string
param subnetId string
param serviceId string

@description('Which part of the service: blob, queue, registry or vault.')
param group string

param zoneId string

resource endpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: name
  location: location
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: group
        properties: {
          privateLinkServiceId: serviceId
          groupIds: [
            group
          ]
        }
      }
    ]
  }
}

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: group
        properties: {
          privateDnsZoneId: zoneId
        }
      }
    ]
  }
}
